"""dlib's lists of points, rectangles and vectors.

Source: dlib ``python/src/vector.cpp``, ``python/src/rectangles.cpp``, ``python/src/basic.cpp``.
"""

from __future__ import annotations

from typing import Any

from phiz.compat.dlib.binding import NotTakenError, Overloads, bound
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.sequences import SizedItems, StoredItems
from phiz.compat.dlib.vectors import vector

__all__ = ["dpoints", "points", "rectangles", "rectangless", "vectors", "vectorss"]


@bound
class points(SizedItems, item=point, printed=True):  # noqa: N801 - dlib's name
    """A list of points."""

    __slots__ = ()


@bound
class dpoints(SizedItems, item=dpoint, printed=True):  # noqa: N801 - dlib's name
    """A list of dpoints."""

    __slots__ = ()


@bound
class rectangles(SizedItems, item=rectangle, printed=True):  # noqa: N801 - dlib's name
    """A list of rectangles."""

    __slots__ = ()


@bound
class rectangless(SizedItems, item=rectangles):  # noqa: N801 - dlib's name
    """A list of lists of rectangles."""

    __slots__ = ()
    extend: Overloads = SizedItems.extend.more(2)

    @extend.add
    def _(self: rectangles, arg0: list[Any]) -> None:  # noqa: ARG002
        raise NotTakenError  # bound there for another class than this


@bound
class vectors(StoredItems, item=vector, printed=True):  # noqa: N801 - dlib's name
    """A list of vectors."""

    __slots__ = ()


@bound
class vectorss(StoredItems, item=vectors):  # noqa: N801 - dlib's name
    """A list of lists of vectors."""

    __slots__ = ()
