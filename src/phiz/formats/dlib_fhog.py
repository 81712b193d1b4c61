"""dlib's HOG detectors: object_detector<scan_fhog_pyramid<pyramid_down<6>>>, usually ``.svm``.

Source: dlib ``object_detector.h``, ``scan_fhog_pyramid.h``, ``box_overlap_testing.h``.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F64
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import (
    read_count,
    read_float,
    read_int,
    read_vector_f64,
    read_version,
)
from phiz.values import FhogDetector

__all__ = ["filter_side", "read_fhog_detector", "read_upsampling"]

_PLANES = 31
_LARGEST = 1 << 20  # pixels; larger windows and cells are nonsense and could overflow later


def filter_side(window: int, cell: int, padding: int) -> int:
    """Return how many HOG cells a window of this side covers, with padding.

    dlib maps the corners of a rectangle centred on the origin to cells, dividing towards zero.
    """

    def cell_of(pixel: int) -> int:
        return int((pixel - 1) / cell) - 1

    left = -(window // 2)
    return cell_of(left + window - 1) - cell_of(left) + 1 + 2 * padding


def _read_bounded(cursor: Cursor, what: str, low: int, high: int) -> int:
    start = cursor.at
    value = read_int(cursor, what)
    if not low <= value <= high:
        cursor.fail(f"{what} in {low} to {high}", str(value), at=start)
    return value


def _read_overlap(cursor: Cursor) -> tuple[float, float]:
    start = cursor.at
    iou, covered = read_float(cursor, "an overlap"), read_float(cursor, "an overlap")
    if not (0 <= iou <= 1 and 0 <= covered <= 1):
        cursor.fail("overlap thresholds in 0 to 1", f"{iou} and {covered}", at=start)
    return iou, covered


def read_fhog_detector(cursor: Cursor) -> FhogDetector:
    """Read a detector and leave the cursor behind it.

    The upsampling amount that dlib's ``simple_object_detector`` appends is left in the file.
    """
    version = read_version(cursor, (1, 2), "a HOG detector")
    read_version(cursor, (1,), "a HOG scanner")
    start = cursor.at
    read_int(cursor, "the capacity of the feature cache")
    cached = read_int(cursor, "the size of the feature cache")
    if cached != 0:
        cursor.fail("a detector without cached features", f"{cached} levels of them", at=start)
    cell = _read_bounded(cursor, "the cell side", 2, _LARGEST)
    padding = _read_bounded(cursor, "the filter padding", 0, _LARGEST)
    width = _read_bounded(cursor, "the window width", 1, _LARGEST)
    height = _read_bounded(cursor, "the window height", 1, _LARGEST)
    levels = _read_bounded(cursor, "the number of pyramid levels", 1, 2**31)
    least_width = _read_bounded(cursor, "the least layer width", 1, 2**31)
    least_height = _read_bounded(cursor, "the least layer height", 1, 2**31)
    nuclear_norm = read_float(cursor, "the nuclear norm strength")
    at_dims = cursor.at
    dims = read_int(cursor, "the number of weights")
    columns, rows = filter_side(width, cell, padding), filter_side(height, cell, padding)
    if columns < 1 or rows < 1 or dims != _PLANES * rows * columns:
        want = f"{_PLANES} filters of {rows} x {columns} for this window"
        cursor.fail(want, f"{dims} weights", at=at_dims)

    def weights() -> F64:
        start = cursor.at
        values = read_vector_f64(cursor, "weights")
        if len(values) != dims + 1:
            cursor.fail(f"{dims} weights and a threshold", f"{len(values)} numbers", at=start)
        return values

    if version == 1:
        banks = [weights()]
        nms = _read_overlap(cursor)
    else:
        nms = _read_overlap(cursor)
        count = read_count(cursor, "detectors", each=4 * dims)
        if count < 1:
            cursor.fail("at least one detector", str(count))
        banks = [weights() for _ in range(count)]
    matrix = np.stack(banks)
    largest = float(np.abs(matrix).max())
    if largest > float(np.finfo(np.float32).max):
        cursor.fail("weights that float32 can hold", str(largest))
    return FhogDetector(
        cell=cell,
        padding=padding,
        window=(width, height),
        max_levels=levels,
        min_layer=(least_width, least_height),
        nms=nms,
        filters=matrix[:, :dims].reshape(-1, _PLANES, rows, columns).copy(),
        thresholds=matrix[:, dims].copy(),
        nuclear_norm=nuclear_norm,
    )


def read_upsampling(cursor: Cursor) -> int:
    """Read what dlib's ``simple_object_detector`` writes behind a detector.

    Returns how often pictures were doubled in training, and so should be in use.
    """
    read_version(cursor, (1,), "a simple_object_detector")
    return _read_bounded(cursor, "the upsampling amount", 0, 8)
