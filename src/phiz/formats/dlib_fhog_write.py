"""dlib's HOG detectors, written: the counterpart of ``dlib_fhog``.

Source: dlib ``object_detector.h``, ``scan_fhog_pyramid.h``.
"""

from __future__ import annotations

import numpy as np

from phiz.errors import ShapeError
from phiz.formats.dlib_fhog import filter_side
from phiz.formats.dlib_write_stream import DOUBLE, write_column, write_float, write_int
from phiz.values import FhogDetector

__all__ = ["write_fhog_detector"]


def write_fhog_detector(value: FhogDetector, *, upsampling: int | None = None) -> bytes:
    """Write a detector as dlib does, byte for byte.

    upsampling: written behind it, as dlib's ``simple_object_detector`` has it; None: not at all,
        as ``fhog_object_detector`` has it.

    Raises ShapeError unless the filters are of the window's size and all numbers are finite.
    """
    width, height = value.window
    sides = tuple(filter_side(side, value.cell, value.padding) for side in (height, width))
    if value.filters.shape[2:] != sides:
        raise ShapeError(
            f"filters for a window of {width} x {height}: wanted (d, 31, {sides[0]}, {sides[1]}), "
            f"found {value.filters.shape}"
        )
    banks = value.filters.reshape(len(value.filters), -1)
    head = (
        2, 1, 0, 0,  # the versions, and an empty cache of features
        value.cell, value.padding, width, height, value.max_levels, *value.min_layer,
    )  # fmt: skip
    out = b"".join(map(write_int, head)) + write_float(value.nuclear_norm, DOUBLE)
    out += write_int(banks.shape[1])
    out += b"".join(write_float(number, DOUBLE) for number in value.nms) + write_int(len(banks))
    for bank, threshold in zip(banks, value.thresholds, strict=True):
        out += write_column(np.append(bank, threshold), DOUBLE)
    return out if upsampling is None else out + write_int(1) + write_int(upsampling)
