"""Fifty threads share one detector, landmarker and describer: same results, and memory stays.

    python benchmarks/memory.py [--pictures 1000] [--threads 50]

Pictures of more than 200 sizes are made beforehand from those in ``.cache/pictures``, so that what
grows is phiz.  Prints resident memory after 100 pictures and at the end.
"""

from __future__ import annotations

import argparse
import queue
import threading
from pathlib import Path

import numpy as np

import phiz
from phiz.benchmark import resized

PICTURES = Path(__file__).parents[1] / ".cache" / "pictures"


def resident() -> float:
    """Return this process's resident memory in megabytes."""
    fields = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=50)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    sources = [phiz.read_image(path) for path in sorted(PICTURES.glob("*-*"))]
    images = []
    for number in range(250):
        source = sources[number % len(sources)]
        scale = random.uniform(200, 1200) / max(source.shape[:2])
        width, height = int(source.shape[1] * scale), int(source.shape[0] * scale)
        images.append(resized(source, max(width, 40), max(height, 40)))
    detector = phiz.load("dlib-hog-frontal")
    landmarker = phiz.load("dlib-landmarks-5")
    describer = phiz.load("dlib-face-resnet-v1")

    def work(image: np.ndarray) -> bytes:
        faces = detector(image)
        points = landmarker(image, faces)
        vectors = describer(phiz.align(image, points)).vectors
        return faces.boxes.tobytes() + points.points.tobytes() + vectors.tobytes()

    expected = [work(image) for image in images[:50]]
    waiting: queue.Queue[int] = queue.Queue()
    for number in range(options.pictures):
        waiting.put(number)
    done, wrong, memory = [0], [], {}
    lock = threading.Lock()

    def run() -> None:
        while True:
            try:
                number = waiting.get_nowait() % len(images)
            except queue.Empty:
                return
            answer = work(images[number])
            if number < len(expected) and answer != expected[number]:
                wrong.append(number)
            with lock:
                done[0] += 1
                if done[0] in (100, options.pictures):
                    memory[done[0]] = resident()

    threads = [threading.Thread(target=run) for _ in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = len({image.shape for image in images})
    grown = memory[options.pictures] - memory[100]
    print(
        f"{options.pictures} pictures of {sizes} sizes, {options.threads} threads: "
        f"{len(wrong)} results differ from serial ones; resident {memory[100]:.0f} MB after 100, "
        f"{memory[options.pictures]:.0f} MB at the end ({grown:+.0f})"
    )


if __name__ == "__main__":
    main()
