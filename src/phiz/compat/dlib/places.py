"""Where faces' chips are cut from, by dlib's landmarks.

Source: dlib ``image_transforms/interpolation.h`` (get_face_chip_details).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phiz.compat.dlib.arithmetic import number
from phiz.compat.dlib.detections import full_object_detection
from phiz.compat.dlib.failures import failed, runtime_errors
from phiz.geometry import ChipSpec

if TYPE_CHECKING:
    from phiz.models.chips import ChipPlace

__all__ = ["place_of"]

_FUNCTION = (
    "dlib::chip_details dlib::get_face_chip_details("
    "const full_object_detection&, long unsigned int, double)"
)
_FILE = "dlib/image_transforms/interpolation.h"


def place_of(face: full_object_detection, size: int, padding: float) -> ChipPlace:
    """Return where a chip of ``size`` pixels is; RuntimeError as dlib's for what has none."""
    from phiz.models.align import place_chip  # brings Pillow

    if face.num_parts not in (5, 68):
        raise failed(
            f"{_FILE}:2068",
            _FUNCTION,
            "det.num_parts() == 68 || det.num_parts() == 5",
            "\t chip_details get_face_chip_details()",
            "\t You have to give either a 5 point or 68 point face landmarking output to this "
            "function. ",
            f"\t det.num_parts(): {face.num_parts}",
        )
    if not (padding >= 0 and size > 0):
        raise failed(
            f"{_FILE}:2073",
            _FUNCTION,
            "padding >= 0 && size > 0",
            "\t chip_details get_face_chip_details()",
            "\t Invalid inputs were given to this function.",
            f"\t padding: {number(padding)}",
            f"\t size:    {size}",
        )
    with runtime_errors():
        return place_chip(np.array(face._parts), ChipSpec("dlib", size, padding))
