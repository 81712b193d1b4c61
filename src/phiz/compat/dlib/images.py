"""What dlib takes as pictures: NumPy arrays of the types that its pixels have.

Some functions choose by type among overloads, which want arrays in C order; others take any array
and look at it themselves.  Source: dlib ``python/numpy_image.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from phiz.checks import U8
from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.kinds import MISMATCH, Kind, instance_of

__all__ = [
    "COLOUR",
    "GRAYS",
    "AnyArray",
    "Gray",
    "Picture",
    "Rgb",
    "Rgba",
    "add_for",
    "eight_bit",
]

Run = TypeVar("Run", bound=Callable[..., Any])


def _is_image(array: NDArray[Any], channels: int) -> bool:
    return (array.ndim == 3 and array.shape[2] == channels) or (channels == 1 and array.ndim == 2)


def _image(dtype: str, channels: int) -> Kind:
    wanted = np.dtype(dtype)
    sides = "(rows,cols),  " if channels == 1 else f"(rows,cols,{channels}),"

    def read(value: Any, _convert: bool) -> Any:
        # One of one number a pixel is read as (h, w).
        if isinstance(value, tuple) and value:
            value = value[0]  # what returns a picture and more, is taken as a picture
        if not isinstance(value, np.ndarray) or value.dtype != wanted:
            return MISMATCH
        if not value.flags.c_contiguous or not _is_image(value, channels):
            return MISMATCH
        plain = np.asarray(value)
        return plain.reshape(plain.shape[:2]) if channels == 1 else plain

    return Kind(f"numpy.ndarray[{sides}numpy.{wanted.name}]", read)


Gray: TypeAlias = Annotated[Any, _image("uint8", 1)]
Rgb: TypeAlias = Annotated[Any, _image("uint8", 3)]
Rgba: TypeAlias = Annotated[Any, _image("uint8", 4)]
COLOUR = _image("uint8", 3)
GRAYS = tuple(
    _image(sign + bits, 1)
    for sign, sizes in (("uint", "8 16 32 64"), ("int", "8 16 32 64"), ("float", "32 64"))
    for bits in sizes.split()
)
"""Pictures of one number a pixel, in the order in which dlib lists them."""

Picture: TypeAlias = NDArray[Any]
"""For annotations of what :func:`add_for` adds."""

AnyArray: TypeAlias = Annotated[Any, instance_of(np.ndarray, "numpy.ndarray")]


def eight_bit(array: NDArray[Any]) -> U8:
    """Return a picture (h, w) or (h, w, 3) uint8 in C order; RuntimeError as dlib's for others."""
    if array.dtype == np.uint8 and _is_image(array, 1):
        return np.ascontiguousarray(array.reshape(array.shape[:2]))
    if array.dtype == np.uint8 and _is_image(array, 3):
        return np.ascontiguousarray(array)
    raise RuntimeError("Unsupported image type, must be 8bit gray or RGB image.")


def add_for(overloads: Overloads, kinds: Iterable[Kind]) -> Callable[[Run], Run]:
    """Add an implementation once for each kind of pictures that ``Picture`` means in it."""

    def add(run: Run) -> Run:
        for kind in kinds:
            copy = FunctionType(run.__code__, run.__globals__, run.__name__, run.__defaults__)
            copy.__annotations__ = {
                name: kind if text == "Picture" else text
                for name, text in run.__annotations__.items()
            }
            overloads.add(copy)
        return run

    return add
