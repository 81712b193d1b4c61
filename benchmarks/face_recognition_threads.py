"""Many threads in face_recognition's face_encodings: the same numbers, and memory stays.

    python benchmarks/face_recognition_threads.py [--threads 32] [--seconds 120]

face_recognition on dlib crashes here.  Prints resident memory every 10 seconds.  Exit code 1 if
an answer differs by a bit from the first of its picture, if a call fails, or if memory at the end is
more than 64 MB above that after 10 seconds.
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
    first: dict[int, bytes] = {}
    lock = threading.Lock()
    calls, wrong, failed = [0], [0], [0]
    stop = threading.Event()

    def work(number: int) -> None:
        while not stop.is_set():
            number = (number + 1) % len(images)
            try:
                answer = np.array(face_recognition.face_encodings(images[number])).tobytes()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                print(f"{paths[number].name}: {error!r}", flush=True)
                with lock:
                    failed[0] += 1
                continue
            with lock:
                calls[0] += 1
                wrong[0] += first.setdefault(number, answer) != answer

    threads = [threading.Thread(target=work, args=(n,)) for n in range(options.threads)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    memory = []
    print(f"{'seconds':>8s} {'calls':>8s} {'differ':>8s} {'failed':>8s} {'resident':>10s}")
    while (now := time.monotonic() - start) < options.seconds:
        time.sleep(min(EVERY, options.seconds - now))
        memory.append(resident())
        print(
            f"{time.monotonic() - start:8.0f} {calls[0]:8d} {wrong[0]:8d} {failed[0]:8d} "
            f"{memory[-1]:7.0f} MB",
            flush=True,
        )
    stop.set()
    for thread in threads:
        thread.join()
    grown = memory[-1] - memory[0]
    print(
        f"{options.threads} threads, {calls[0]} calls, memory {grown:+.0f} MB since the first line"
    )
    return 1 if wrong[0] or failed[0] or grown > MOST_GROWN or not calls[0] else 0


if __name__ == "__main__":
    sys.exit(main())
