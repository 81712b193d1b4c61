"""dlib's functions on whole pictures: sizes, thresholds, jitter.

Source: dlib ``python/src/image.cpp``, ``python/src/image2.cpp``, ``python/src/numpy_returns.cpp``.
"""

from __future__ import annotations

import threading
from typing import Any

from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.failures import failed, runtime_errors
from phiz.compat.dlib.images import COLOUR, GRAYS, Picture, Rgb, add_for
from phiz.compat.dlib.kinds import Int32, Size

__all__ = ["jitter_image", "partition_pixels", "resize_image"]

_BY_NAME = {kind.text.split(".")[-1].rstrip("]"): kind for kind in GRAYS}
_SCALED = [_BY_NAME[name] for name in ["int8", "int16", "int32", "int64", "float32", "float64"]]
_WHOLE = [COLOUR, *(_BY_NAME[name] for name in ["uint8", "uint16", "uint32"])]
_REAL = [_BY_NAME[name] for name in ("float32", "float64")]

_PIXELS = {
    "uint8": "unsigned char",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "float32": "float",
    "float64": "double",
}


def _pixel(img: Picture) -> str:
    """Return how C++ calls a picture's pixels."""
    return "dlib::rgb_pixel" if img.ndim == 3 else _PIXELS[img.dtype.name]


jitter_image = Overloads(
    "jitter_image", "Slightly moved, scaled, turned and perhaps mirrored copies of a picture."
)
partition_pixels = Overloads(
    "partition_pixels", "Thresholds that split pixels into groups of similar brightness."
)
resize_image = Overloads("resize_image", "A picture of another size.")


@add_for(resize_image, (*GRAYS, COLOUR))
def _(img: Picture, rows: Size, cols: Size) -> Picture:
    from phiz.models import dlib_images

    with runtime_errors():
        return dlib_images.resize_image(img, rows, cols)


@add_for(resize_image, (*_SCALED, COLOUR))
def _(img: Picture, scale: float) -> Picture:
    from phiz.models import dlib_images

    if not scale > 0:
        raise failed(
            "python/image2.cpp:37",
            "dlib::numpy_image<pixel_type> py_scale_image(const dlib::numpy_image<pixel_type>&, "
            f"double) [with T = {_pixel(img)}]",
            "scale > 0",
            "Scale factor must be greater than 0",
        )
    with runtime_errors():
        return dlib_images.scale_image(img, scale)


@add_for(partition_pixels, _WHOLE)
def _(img: Picture) -> Int32:
    return _thresholds(img, 1)[0]


@add_for(partition_pixels, _REAL)
def _(img: Picture) -> float:
    return _thresholds(img, 1)[0]


@add_for(partition_pixels, (*_WHOLE, *_REAL))
def _(img: Picture, num_thresholds: Int32) -> tuple[Any, ...]:
    return _thresholds(img, num_thresholds)


def _thresholds(img: Picture, count: int) -> tuple[Any, ...]:
    from phiz.models import dlib_images

    if not 1 <= count <= 6:
        raise failed(
            "python/image.cpp:71",
            "pybind11::tuple py_partition_pixels2(const dlib::numpy_image<pixel_type>&, int) "
            f"[with T = {_pixel(img)}]",
            "1 <= num_thresholds && num_thresholds <= 6",
            "",
        )
    with runtime_errors():
        return dlib_images.partition_pixels(img, count)


@jitter_image.add
def _(img: Rgb, num_jitters: Size = 1, disturb_colors: bool = False) -> list[Any]:
    from phiz.models.dlib_images import jitter_images
    from phiz.rng import DlibRandom
    from phiz.runtime import default_runtime

    if not num_jitters:
        return []
    if img.shape[0] != img.shape[1]:
        raise failed(
            "dlib/image_transforms/interpolation.h:2245",
            "image_type dlib::jitter_image(const image_type&, rand&) "
            "[with image_type = numpy_image<rgb_pixel>]",
            "num_rows(img)==num_columns(img)",
            "",
        )
    # dlib keeps one generator for all calls of a process.
    kept: Any = default_runtime().keep(
        "dlib.jitter_image", lambda: (DlibRandom(), threading.Lock())
    )
    random, lock = kept
    with runtime_errors(), lock:
        return jitter_images(img, random, num_jitters, disturb=disturb_colors)
