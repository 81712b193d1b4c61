"""Weight files as dlib's module takes them: paths of files that hold one object each.

Source: dlib ``python/pybind_utils.h`` (load_object_from_file), ``serialize.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from phiz.compat.dlib.failures import runtime_errors
from phiz.compat.dlib.stream import read_int32
from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.zoo import Kind

__all__ = ["load_network", "read_object", "read_object_file", "save_object"]

T = TypeVar("T")


def read_object(
    cursor: Cursor, versions: tuple[int, ...], refusal: str, read: Callable[[], T]
) -> T:
    """Read an object that begins with its version.

    refusal: dlib's words for other versions.  What follows is read by ``read``; its FormatError,
    which says which byte is wrong, becomes dlib's kind of error.
    """
    version = read_int32(Cursor(cursor.data, cursor.path, cursor.at))
    if version not in versions:
        raise RuntimeError(refusal)
    with runtime_errors():
        return read()


def read_object_file(path: str, read: Callable[[Cursor], T]) -> T:
    """Read the object that a file begins with; RuntimeError if that is not there."""
    from phiz.store import read_weights

    try:
        with runtime_errors():
            data = read_weights(_file(path))
    except IsADirectoryError as error:
        raise RuntimeError(
            "basic_filebuf::underflow error reading the file: Is a directory"
        ) from error
    except (OSError, ValueError) as error:
        raise RuntimeError(f"Unable to open {path}") from error
    return read(Cursor(data, path))


def _file(path: str) -> Path:
    """Return a path; FileNotFoundError for no name, which Path takes for this folder."""
    if not path:
        raise FileNotFoundError(path)
    return Path(path)


def save_object(data: bytes, path: str) -> None:
    """Write an object to a file; RuntimeError as dlib's if that fails."""
    try:
        Path(path).write_bytes(data)
    except (OSError, ValueError) as error:
        raise RuntimeError("Error serializing object of type int") from error


def load_network(path: str, kind: Kind) -> Any:
    """Load the model of a weight file of dlib's networks.

    What an earlier process converted is used again.  RuntimeError for another file.
    """
    from phiz.loading import load_kind

    try:
        if _file(path).is_dir():
            raise _unread(path, "No more objects were in the stream!")
        with runtime_errors():
            return load_kind(path, kind)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"Unable to open {path} for reading.") from error
    except RuntimeError as error:
        if isinstance(error.__cause__, FormatError):
            raise _unread(path, _first_words(path, str(error))) from error
        raise


def _first_words(path: str, otherwise: str) -> str:
    """Return dlib's words for a file whose very beginning is no object."""
    with open(path, "rb") as file:
        start = file.read(16)
    if not start:
        return "No more objects were in the stream!"
    try:
        read_int32(Cursor(start, path))
    except RuntimeError as error:
        return str(error)
    return otherwise


def _unread(path: str, why: str) -> RuntimeError:
    return RuntimeError(
        "An error occurred while trying to read the first object from the file "
        f"'{path}'.\nERROR: {why}\n"
    )
