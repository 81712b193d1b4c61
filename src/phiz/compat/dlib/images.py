"""What dlib takes as pictures: NumPy arrays of the types that its pixels have.

Some functions choose by type among overloads, which want arrays in C order; others take any array
and look at it themselves.  Source: dlib ``python/numpy_image.h``.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phiz.checks import U8
from phiz.compat.dlib.kinds import MISMATCH, Kind, instance_of

__all__ = ["AnyArray", "Gray", "Rgb", "Rgba", "eight_bit", "gray_kind"]


def _is_image(array: NDArray[Any], channels: int) -> bool:
    return (array.ndim == 3 and array.shape[2] == channels) or (channels == 1 and array.ndim == 2)


def _image(dtype: str, channels: int) -> Kind:
    wanted = np.dtype(dtype)
    sides = "(rows,cols),  " if channels == 1 else f"(rows,cols,{channels}),"

    def read(value: Any, _convert: bool) -> Any:
        if isinstance(value, tuple) and value:
            value = value[0]  # what returns a picture and more, is taken as a picture
        if not isinstance(value, np.ndarray) or value.dtype != wanted:
            return MISMATCH
        if not value.flags.c_contiguous or not _is_image(value, channels):
            return MISMATCH
        plain = np.asarray(value)
        return plain.reshape(plain.shape[:2]) if channels == 1 else plain

    return Kind(f"numpy.ndarray[{sides}numpy.{wanted.name}]", read)


def gray_kind(dtype: str) -> Kind:
    """Return the kind of pictures (h, w) or (h, w, 1) of one number a pixel; read as (h, w)."""
    return _image(dtype, 1)


Gray: TypeAlias = Annotated[Any, gray_kind("uint8")]
Rgb: TypeAlias = Annotated[Any, _image("uint8", 3)]
Rgba: TypeAlias = Annotated[Any, _image("uint8", 4)]
AnyArray: TypeAlias = Annotated[Any, instance_of(np.ndarray, "numpy.ndarray")]


def eight_bit(array: NDArray[Any]) -> U8:
    """Return a picture (h, w) or (h, w, 3) uint8 in C order; RuntimeError as dlib's for others."""
    if array.dtype == np.uint8 and _is_image(array, 1):
        return np.ascontiguousarray(array.reshape(array.shape[:2]))
    if array.dtype == np.uint8 and _is_image(array, 3):
        return np.ascontiguousarray(array)
    raise RuntimeError("Unsupported image type, must be 8bit gray or RGB image.")
