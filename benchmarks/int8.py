"""Descriptors in int8 beside float32, and beside dlib, in turns in one run.

    python benchmarks/int8.py [--against PYTHON] [--batch 32] [--rounds 15] [MODEL ...]

MODEL: names or weight files of descriptor models.  PYTHON: an interpreter that has dlib; it is
timed for dlib-face-resnet-v1.  PHIZ_THREADS says how many threads each has (2).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np

import phiz
from phiz import store
from phiz.benchmark import Reference
from phiz.zoo import require_entry

REST = 0.3  # seconds between runs: OpenBLAS's threads go on spinning for a while
ORIGINAL = "dlib-face-resnet-v1"


def main() -> None:
    os.environ.setdefault("PHIZ_THREADS", "2")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[ORIGINAL])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    chips = np.random.default_rng(0).integers(0, 256, (asked.batch, 150, 150, 3), np.uint8)
    reference = Reference(asked.against) if asked.against else None
    handed = reference.share("chips", chips) if reference else ""
    for name in asked.models:
        runs = {
            precision: phiz.load(name, precision=precision) for precision in ("float32", "int8")
        }
        times: dict[str, list[float]] = {}
        for turn in range(-2, asked.rounds):  # the first two warm up
            for precision, describer in runs.items():
                time.sleep(REST)
                start = time.perf_counter()
                describer(chips)
                times.setdefault(precision, []).append(time.perf_counter() - start)
            if reference and name == ORIGINAL:
                path = str(store.require(require_entry(name)).path.absolute())
                time.sleep(REST)
                said = reference.ask("describe", path=path, chips=handed, faces=asked.batch)
                times.setdefault("dlib", []).append(float(said["seconds"]))
            if turn < 0:
                times.clear()
        fast = statistics.median(times["int8"])
        for what, seconds in times.items():
            median = statistics.median(seconds)
            each = [other / own for other, own in zip(seconds, times["int8"], strict=True)]
            print(
                f"{name}  {what:8} {1000 * median / asked.batch:8.2f} ms a face  "
                f"int8 is {median / fast:6.2f} x as fast "
                f"(rounds: {min(each):.2f} to {max(each):.2f})"
            )
    if reference:
        reference.close()


if __name__ == "__main__":
    main()
