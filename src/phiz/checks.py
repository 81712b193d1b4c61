"""Checks of arrays handed in, with messages that say what was wanted and found."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phiz.errors import ShapeError

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]

__all__ = ["F32", "F64", "I64", "U8", "check", "finite", "floats"]


def _spell(shape: tuple[int | None, ...]) -> str:
    inside = ", ".join("any" if side is None else str(side) for side in shape)
    return f"({inside}{',' if len(shape) == 1 else ''})"


def check(
    array: NDArray[Any],
    shape: tuple[int | None, ...],
    *,
    dtype: DTypeLike | None = None,
    name: str,
) -> None:
    """Raise ShapeError unless ``array`` has this shape (None: any length) and dtype."""
    if not isinstance(array, np.ndarray):
        raise ShapeError(f"{name}: wanted an array {_spell(shape)}, found {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"{name}: wanted shape {_spell(shape)}, found {_spell(array.shape)}")
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise ShapeError(f"{name}: wanted dtype {np.dtype(dtype)}, found {array.dtype}")


def finite(array: NDArray[Any], *, name: str) -> None:
    """Raise ShapeError if ``array`` holds a NaN or an infinity; the message says where."""
    good = np.isfinite(array)
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        raise ShapeError(f"{name}: wanted finite numbers, found {array[where]} at index {where}")


def floats(value: object, shape: tuple[int | None, ...], *, name: str) -> F32:
    """Return ``value`` as a C-contiguous float32 array of this shape, or raise ShapeError.

    An empty list counts as zero rows, so that ``[]`` means "no boxes".
    """
    try:
        array = np.ascontiguousarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"{name}: wanted numbers of shape {_spell(shape)}, found {type(value).__name__}"
        ) from error
    if array.size == 0 and shape[0] is None:
        array = array.reshape((0, *(side or 0 for side in shape[1:])))
    check(array, shape, name=name)
    finite(array, name=name)
    return array
