"""dlib's functions that read and write picture files.

Source: dlib ``python/src/numpy_returns.cpp``, ``image_loader/load_image.h``.
"""

from __future__ import annotations

from pathlib import Path

from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.failures import runtime_errors
from phiz.compat.dlib.images import Rgb

__all__ = ["load_rgb_image"]

load_rgb_image = Overloads("load_rgb_image", "Read a picture as (h, w, 3) uint8 RGB.")


@load_rgb_image.add
def _(filename: str) -> Rgb:
    from phiz.imaging import decode

    with runtime_errors():
        return decode(Path(filename).read_bytes(), orient=False)
