"""The LFW protocol by phiz and by dlib-bin on the same pixels: distances, decisions, time.

    python benchmarks/lfw.py IMAGES PAIRS [PAIRS ...] [--threads 2]

Both take the box nearest to the middle, or the median box, of the same arrays.  dlib's wheel has
no BLAS: a picture takes it some tenths of a second, LFW's development pairs half an hour.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import dlib
import numpy as np

from phiz import store
from phiz.evaluation.faces import CENTRAL, LFW_BOX, describe_pictures
from phiz.evaluation.listings import lfw_pairs
from phiz.imaging import read_image
from phiz.pipeline import make_recipe
from phiz.runtime import Runtime
from phiz.zoo import require_entry


def weights(name: str) -> str:
    return str(store.require(require_entry(name)).path)


class Oracle:
    """dlib's own models, asked as its test program asks them."""

    def __init__(self) -> None:
        self.detector = dlib.get_frontal_face_detector()
        self.points = dlib.shape_predictor(weights("dlib-landmarks-5"))
        self.network = dlib.face_recognition_model_v1(weights("dlib-face-resnet-v1"))

    def describe(self, image: np.ndarray) -> np.ndarray:
        """Return the descriptor of the face nearest to the middle."""
        height, width = image.shape[:2]
        found = list(self.detector(image, 0))
        if found:
            middle = [
                ((box.left() + box.right() + 1) / 2 - width / 2) ** 2
                + ((box.top() + box.bottom() + 1) / 2 - height / 2) ** 2
                for box in found
            ]
            box = found[int(np.argmin(middle))]
        else:
            left, top, right, bottom = (int(side) for side in LFW_BOX)
            box = dlib.rectangle(left, top, right - 1, bottom - 1)
        shape = self.points(image, box)
        return np.array(self.network.compute_face_descriptor(image, shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    lists = [lfw_pairs(path) for path in options.pairs]
    names = sorted({name for listed in lists for name in listed.pictures})
    runtime = Runtime(options.threads)
    recipe = make_recipe(choice=CENTRAL, runtime=runtime)
    start = time.perf_counter()
    faces = describe_pictures([options.images / name for name in names], recipe, runtime=runtime)
    ours = time.perf_counter() - start
    print(f"phiz: {len(names)} pictures, {faces.fallback} without a box, {ours:.1f} s")
    oracle, theirs = Oracle(), np.zeros_like(faces.vectors, np.float64)
    start = time.perf_counter()
    for row, name in enumerate(names):
        theirs[row] = oracle.describe(read_image(options.images / name))
    slow = time.perf_counter() - start
    print(f"dlib: {slow:.1f} s, {slow / ours:.1f} times as long")
    print(f"largest difference of a component: {np.abs(theirs - faces.vectors).max():.2g}")
    rows = {name: row for row, name in enumerate(names)}
    for path, listed in zip(options.pairs, lists, strict=True):
        ends = np.array([rows[name] for name in listed.pictures])[listed.sides]
        one, other = theirs[ends[:, 0]], theirs[ends[:, 1]]
        dlibs = np.sqrt(((one - other) ** 2).sum(axis=1))
        mine, _ = faces.distances(ends)
        decided = (dlibs < 0.6) == listed.same
        agree = (dlibs < 0.6) == (mine < 0.6)
        print(
            f"{path.name}: {len(listed)} pairs, largest difference of a distance "
            f"{np.abs(dlibs - mine).max():.2g}, decisions that differ {int((~agree).sum())}, "
            f"accuracy dlib {decided.mean():.6f}, phiz {((mine < 0.6) == listed.same).mean():.6f}"
        )


if __name__ == "__main__":
    main()
