"""``rgb_pixel``: three bytes of colour.

Source: dlib ``python/src/image.cpp``.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from phiz.compat.dlib.binding import Bound, Field, Overloads, bound
from phiz.compat.dlib.kinds import integers

__all__ = ["rgb_pixel"]

Byte: TypeAlias = Annotated[int, integers(0, 255)]


@bound
class rgb_pixel(Bound):  # noqa: N801 - dlib's name
    """Red, green and blue, each of 0 to 255."""

    __slots__ = ("_blue", "_green", "_red")
    red = Field("Byte", member=True)
    green = Field("Byte", member=True)
    blue = Field("Byte", member=True)
    __init__ = Overloads()

    @__init__.add
    def _(self, red: Byte, green: Byte, blue: Byte) -> None:
        self._red, self._green, self._blue = red, green, blue

    def __repr__(self) -> str:
        return f"rgb_pixel({self._red},{self._green},{self._blue})"

    def __str__(self) -> str:
        return f"red: {self._red}, green: {self._green}, blue: {self._blue}"
