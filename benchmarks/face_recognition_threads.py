"""Many threads in face_recognition's face_encodings: the same numbers, and memory stays.

    python benchmarks/face_recognition_threads.py [--threads 32] [--seconds 120]

Prints resident memory every 10 seconds, and whenever the threads are stopped: after 10 seconds and
at the end, as what is in flight comes and goes.  Exit code 1 if an answer differs by a bit from the
first of its picture, if a call fails, or if memory at the end is more than 64 MB above that after
10 seconds.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import numpy as np

from phiz.compat import face_recognition

PICTURES = Path(__file__).parents[1] / ".cache" / "pictures"
EVERY = 10  # seconds
MOST_GROWN = 64  # megabytes


def resident() -> float:
    """Return this process's resident memory in megabytes."""
    fields = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS")) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    paths = sorted(PICTURES.glob("face_recognition-*"))
    images = [face_recognition.load_image_file(path) for path in paths]

    def answer_of(number: int) -> bytes:
        return np.array(face_recognition.face_encodings(images[number])).tobytes()

    first = [answer_of(number) for number in range(len(images))]
    lock = threading.Lock()
    counts = {"calls": 0, "differ": 0, "failed": 0}

    def count(what: str) -> None:
        with lock:
            counts[what] += 1

    def work(number: int, until: float) -> None:
        while time.monotonic() < until:
            number = (number + 1) % len(images)
            try:
                same = answer_of(number) == first[number]
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                print(f"{paths[number].name}: {error!r}", flush=True)
                count("failed")
                continue
            count("calls")
            if not same:
                count("differ")

    def show(what: str) -> float:
        memory = resident()
        numbers = "".join(f"{counts[key]:9d}" for key in counts)
        print(f"{time.monotonic() - start:8.0f}{numbers} {memory:7.0f} MB  {what}", flush=True)
        return memory

    def run(seconds: float) -> float:
        """Let the threads work so long; return the memory when they have stopped."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=work, args=(n, until)) for n in range(options.threads)]
        for thread in threads:
            thread.start()
        while (left := until - time.monotonic()) > EVERY / 2:
            time.sleep(min(EVERY, left))
            show("running")
        for thread in threads:
            thread.join()
        return show("stopped")

    print(f"{'seconds':>8s}{'calls':>9s}{'differ':>9s}{'failed':>9s} {'resident':>10s}")
    start = time.monotonic()
    before = run(EVERY)
    after = run(options.seconds - EVERY)
    print(f"{options.threads} threads: memory {after - before:+.0f} MB after the first {EVERY} s")
    good = counts["calls"] and not counts["differ"] and not counts["failed"]
    return 0 if good and after - before <= MOST_GROWN else 1


if __name__ == "__main__":
    sys.exit(main())
