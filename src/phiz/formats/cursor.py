"""A position in a file's bytes that cannot leave them."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32
from phiz.errors import FormatError

__all__ = ["Cursor"]


class Cursor:
    """Reads forward through ``data``; every length is checked before it is trusted.

    data: the whole file.  path: what error messages call it.  at: the next byte.
    """

    __slots__ = ("at", "data", "path")

    def __init__(self, data: bytes | bytearray | memoryview, path: str, at: int = 0) -> None:
        self.data = memoryview(data).cast("B")
        self.path = path
        self.at = at

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self.data) - self.at

    def fail(self, want: str, found: str, *, at: int | None = None) -> NoReturn:
        """Raise a FormatError at this place, or at ``at``."""
        raise FormatError(self.path, self.at if at is None else at, want, found)

    def take(self, count: int, what: str = "bytes") -> memoryview:
        """Return the next ``count`` bytes and step over them; never a short read."""
        left = len(self.data) - self.at
        if not 0 <= count <= left:
            self.fail(f"{count} bytes of {what}", f"{left} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self, what: str = "a byte") -> int:
        """Return the next byte."""
        if self.at >= len(self.data):
            self.fail(what, "the end of the file")
        self.at += 1
        return self.data[self.at - 1]

    def room(self, count: int, each: int, what: str) -> None:
        """Fail unless ``count`` items of at least ``each`` bytes can still be in the file."""
        if count < 0 or count * each > self.left:
            self.fail(f"{count} {what}", f"{self.left} bytes left, room for {self.left // each}")

    def floats32(self, count: int, what: str) -> F32:
        """Return the next ``count`` raw little-endian float32 values; all must be finite."""
        start = self.at
        raw = np.frombuffer(self.take(4 * count, what), "<f4")
        values: NDArray[np.float32] = raw.astype(np.float32)
        good = np.isfinite(values)
        if not good.all():
            first = int(np.argmin(good))
            self.fail(f"finite {what}", str(values[first]), at=start + 4 * first)
        return values

    def end(self, what: str) -> None:
        """Fail unless all bytes have been read."""
        if self.left:
            self.fail(f"the end of {what}", f"{self.left} more bytes")
