"""Errors as dlib's module raises them: RuntimeError, with its words where they can be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from phiz.errors import PhizError

__all__ = ["failed", "runtime_errors"]

_FOLDERS = {"dlib": "../../dlib", "python": "../../tools/python/src"}


@contextmanager
def runtime_errors() -> Iterator[None]:
    """Turn phiz's errors into dlib's kind, which programs written for it expect."""
    try:
        yield
    except PhizError as error:
        raise RuntimeError(str(error)) from error


def failed(place: str, function: str, wanted: str, *said: str) -> RuntimeError:
    """Return the error of dlib 20.0.1's failed assertion.

    place: ``python/object_detection.cpp:130``, file and line.  function: its C++ signature.
    wanted: the C++ expression that is false.  said: further lines.
    """
    file, _, line = place.partition(":")
    root, _, rest = file.partition("/")
    return RuntimeError(
        f"\n\nError detected at line {line}.\n"
        f"Error detected in file {_FOLDERS[root]}/{rest}.\n"
        f"Error detected in function {function}.\n\n"
        f"Failing expression was {wanted}.\n" + "\n".join(said) + "\n"
    )
