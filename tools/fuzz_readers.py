"""Read damaged copies of the real weight files, with limits on processor time and memory.

    python tools/fuzz_readers.py [--count 10000] [--models dlib-landmarks-5 ...]

Models are those that are here; PHIZ_MODEL_DIR may name a folder of more.  Every copy must give a
FormatError or finite numbers, within ten times the time that the whole file takes (and a second),
and the process must never hold more than four times the file and 256 MB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutations import mutate
from tests.sources import weight_file

from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.formats.dlib_net import search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.nets import ARCHITECTURES
from phiz.store import locate, read_weights
from phiz.values import Forest
from phiz.zoo import ZOO


def arrays_of(forest: Forest) -> list[np.ndarray]:
    return [forest.initial, forest.deltas, forest.thresholds, forest.leaves]


def read(kind: str, data: bytes) -> bool:
    """Read a file as its kind; returns whether all numbers are finite."""
    if kind == "hog-detector":
        detector = read_fhog_detector(Cursor(data, "f"))
        arrays = [detector.filters, detector.thresholds]
    elif kind == "landmarks":
        arrays = arrays_of(read_shape_predictor(Cursor(data, "f")))
    else:
        match = search_architectures(data, "f", ARCHITECTURES.values())
        layers = [layer for net in match.nets for layer in net.params.layers]
        arrays = [array for layer in layers for array in layer.arrays.values()]
        arrays += arrays_of(match.forest) if match.forest else []
    return all(bool(np.isfinite(array).all()) for array in arrays)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    here = [name for name, entry in ZOO.items() if locate(entry)]
    parser.add_argument("--models", nargs="*", default=here)
    options = parser.parse_args()
    bad = 0
    for name in sorted(options.models, key=lambda name: ZOO[name].size or 0):
        data = read_weights(weight_file(name))
        start = time.process_time()
        assert read(ZOO[name].kind, data)
        whole = time.process_time() - start
        errors, slowest = 0, 0.0
        for seed in range(options.count):
            damaged = mutate(data, seed)
            start = time.process_time()
            try:
                if not read(ZOO[name].kind, damaged):
                    bad += 1
                    print(f"{name}, seed {seed}: a number that is not finite")
            except FormatError:
                errors += 1
            except Exception as error:  # noqa: BLE001 - this is what the search is for
                bad += 1
                print(f"{name}, seed {seed}: {type(error).__name__}: {error}")
            slowest = max(slowest, time.process_time() - start)
        limit = 4 * len(data) + (256 << 20)
        bad += slowest > 10 * whole + 1
        bad += peak() > limit
        print(
            f"{name}: {options.count} damaged copies, {errors} format errors, the others finite; "
            f"whole file {whole:.2f} s, slowest copy {slowest:.2f} s; "
            f"peak memory {peak() / 1e6:.0f} MB of {limit / 1e6:.0f} allowed",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
