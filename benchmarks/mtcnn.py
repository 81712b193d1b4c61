"""MTCNN from pixels to faces beside its networks alone, in turns in one run.

    python benchmarks/mtcnn.py [PICTURE] [--weights FOLDER] [--threads 2] [--rounds 15]

The networks alone are run by ONNX Runtime on the very inputs that the detector gave them, twice:
as the detector runs them, in tiles and small batches, one per thread; and as one would at first,
each level of the pyramid whole and all patches in one batch, with that many threads inside.

The picture is resized to 1366 x 768, the weights are face-api.js's ``mtcnn_model`` (by default
``.cache/faceapi``, where tools/fetch_faceapi.py puts them, or PHIZ_MODEL_DIR).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from phiz.backends.ort import OrtSession, compile_graph
from phiz.benchmark import resized
from phiz.formats.tfjs import read_tfjs
from phiz.graph.graph import apply
from phiz.graph.input_passes import exchange_axes, reverse_channels
from phiz.imaging import read_image
from phiz.kernels.tile import fill_tile
from phiz.models.mtcnn import MtcnnDetector
from phiz.models.mtcnn_boxes import levels
from phiz.nets import TFJS_ARCHITECTURES
from phiz.runtime import Runtime
from phiz.selftest import pattern

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("PHIZ_MODEL_DIR", ROOT / ".cache" / "faceapi"))
WIDTH, HEIGHT = 1366, 768
Feeds = dict[str, np.ndarray]


class Recorder:
    """A session that keeps copies of what it is fed, while told to."""

    def __init__(self, session: OrtSession) -> None:
        self.session = session
        self.recording = False
        self.fed: list[np.ndarray] = []

    def run(self, feeds: Feeds) -> Feeds:
        """Run it."""
        if self.recording:
            self.fed.append(feeds["pixels"].copy())
        return self.session.run(feeds)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def whole_levels(picture: np.ndarray, detector: MtcnnDetector) -> list[np.ndarray]:
    """Return the levels that a detector cuts into tiles."""
    options = detector.options
    found = []
    for level in levels(
        *picture.shape[:2],
        smallest=options.min_face_size,
        factor=options.scale_factor,
        most=options.max_num_scales,
    ):
        pixels = np.empty((1, level.rows, level.columns, 3), np.float32)
        fill_tile(picture, (level.rows, level.columns), (0, 0), 127.5, 0.0078125, pixels[0])
        found.append(pixels)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--weights", type=Path, default=FOLDER)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    picture = read_image(options.picture) if options.picture else pattern(HEIGHT, WIDTH)
    picture = resized(picture, WIDTH, HEIGHT)

    weights = read_tfjs(options.weights, "mtcnn_model")
    arch = TFJS_ARCHITECTURES["faceapi-mtcnn"]
    graphs = [
        apply(graph, exchange_axes, reverse_channels)
        for graph in arch.networks(weights.tensors(), str(weights.path)).graphs
    ]
    threads, runtime = options.threads, Runtime(options.threads)
    sessions = [Recorder(compile_graph(graph, threads=1, at_once=threads)) for graph in graphs]
    detector = MtcnnDetector(sessions, name=arch.name, identity="", runtime=runtime)
    for session in sessions:
        session.recording = True
    faces = detector(picture)
    for session in sessions:
        session.recording = False
    parts = [(session.session, fed) for session in sessions for fed in session.fed]
    plain = [compile_graph(graph, threads=threads) for graph in graphs]
    patches = [(plain[n], np.concatenate(sessions[n].fed)) for n in (1, 2) if sessions[n].fed]
    wholes = [(plain[0], level) for level in whole_levels(picture, detector)] + patches

    def run(one: tuple[OrtSession, np.ndarray]) -> None:
        one[0].run({"pixels": one[1]})

    ways: dict[str, Callable[[], object]] = {
        "MTCNN, pixels to faces": lambda: detector(picture),
        "its networks as it runs them": lambda: runtime.map(run, parts),
        "its networks, whole levels": lambda: [run(each) for each in wholes],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(options.rounds):
        for name, way in ways.items():
            times[name].append(milliseconds(way))
    counts = [sum(len(fed) for fed in session.fed) for session in sessions]
    print(f"{WIDTH} x {HEIGHT}, {threads} threads: {counts[0]} tiles, {counts[1]} and {counts[2]} "
          f"patches, {len(faces)} faces")  # fmt: skip
    total, best = (pick(times["MTCNN, pixels to faces"]) for pick in (statistics.median, min))
    for name, taken in times.items():
        one, least = statistics.median(taken), min(taken)
        print(
            f"{name:<30}{one:9.1f} ms{total / one:8.2f} x     best{least:9.1f}{best / least:8.2f}"
        )


if __name__ == "__main__":
    main()
