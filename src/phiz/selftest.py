"""A few seconds that say whether this installation computes what dlib computes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phiz.checks import U8
from phiz.errors import ModelNotFound
from phiz.loading import load

__all__ = ["Check", "pattern", "run_selftest"]

RECTANGLE = (60, 40, 159, 139)
"""Left, top, right, bottom of the box that landmarks are placed in."""
HOG_THRESHOLD = -2.0
"""Low enough to find something in a pattern without faces."""
EDGES = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3), (6, 6)]
"""Two triangles joined by one edge, and a node by itself."""

_GOLDEN = Path(__file__).parent / "data" / "selftest.json"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison.  passed is None where the model is not installed."""

    name: str
    passed: bool | None
    detail: str
    seconds: float


def pattern(rows: int, columns: int) -> U8:
    """Return a picture (rows, columns, 3) that looks like nothing and is always the same."""
    r, c, k = np.ogrid[:rows, :columns, :3]
    return np.asarray(((r * 31 + c * 17 + k * 101) ^ (r * c)) & 255, np.uint8)


def _hog(golden: dict[str, Any]) -> str:
    faces = load("dlib-hog-frontal")(pattern(200, 240), threshold=HOG_THRESHOLD)
    if not np.array_equal(faces.boxes, golden["boxes"]) or faces.sub.tolist() != golden["sub"]:
        raise AssertionError(f"{len(faces)} boxes, not dlib's {len(golden['boxes'])}")
    worst = float(np.abs(faces.scores - golden["scores"]).max())
    if worst > 1e-4:
        raise AssertionError(f"scores are off by {worst:.1e}")
    return f"{len(faces)} boxes as dlib's, scores within {worst:.0e}"


def _landmarks(name: str) -> Callable[[list[list[int]]], str]:
    def compare(golden: list[list[int]]) -> str:
        left, top, right, bottom = RECTANGLE
        box = np.array([[left, top, right + 1, bottom + 1]], np.float32)
        points = load(name)(pattern(200, 240), box).points[0]
        if not np.array_equal(points, golden):
            raise AssertionError(f"points are off by {np.abs(points - golden).max():g} pixels")
        return f"{len(points)} points as dlib's"

    return compare


def _descriptor(golden: list[float]) -> str:
    vector = load("dlib-face-resnet-v1")(pattern(150, 150)).vectors[0]
    worst = float(np.abs(vector - golden).max())
    if worst > 1e-4:
        raise AssertionError(f"numbers are off by {worst:.1e}")
    return f"{len(vector)} numbers within {worst:.0e} of dlib's"


def _whispers(golden: list[int]) -> str:
    from phiz.clustering import chinese_whispers

    labels = chinese_whispers(EDGES).tolist()
    if labels != golden:
        raise AssertionError(f"labels {labels}, not dlib's {golden}")
    return "labels as dlib's"


def run_selftest() -> list[Check]:
    """Run each model on a pattern and compare with dlib's answers, kept with the package."""
    golden = json.loads(_GOLDEN.read_text())
    tests: dict[str, Callable[[Any], str]] = {
        "dlib-hog-frontal": _hog,
        "dlib-landmarks-5": _landmarks("dlib-landmarks-5"),
        "dlib-landmarks-68": _landmarks("dlib-landmarks-68"),
        "dlib-face-resnet-v1": _descriptor,
        "whispers": _whispers,
    }
    checks = []
    for name, test in tests.items():
        start = time.perf_counter()
        passed: bool | None = True
        try:
            detail = test(golden[name])
        except ModelNotFound:
            passed, detail = None, "the model is not installed"
        except Exception as error:  # noqa: BLE001 - whatever is wrong is what the user must see
            passed, detail = False, f"{type(error).__name__}: {error}"
        checks.append(Check(name, passed, detail, time.perf_counter() - start))
    return checks
