"""What the pickles of dlib's objects hold: one string of its own serialization.

Source: dlib ``python.h`` (getstate, setstate), ``serialize.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from phiz.formats.cursor import Cursor

__all__ = ["pack", "unpack"]

T = TypeVar("T")


def pack(data: bytes) -> tuple[bytes]:
    """Return the state that holds an object's bytes."""
    return (data,)


def unpack(state: tuple[Any, ...], what: str, read: Callable[[Cursor], T]) -> T:
    """Read an object from a state.

    Raises dlib's errors for a state that is not one string of bytes, and what ``read`` raises
    for bytes that are not such an object.  Bytes after it are left, as dlib leaves them.
    """
    if len(state) != 1:
        raise ValueError(f"expected 1-item tuple in call to __setstate__; got {state!r}")
    data = state[0].encode() if isinstance(state[0], str) else state[0]
    if not isinstance(data, bytes):
        raise RuntimeError("Unable to unpickle, error in input file.")
    return read(Cursor(data, f"a pickled {what}"))
