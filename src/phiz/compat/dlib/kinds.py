"""What an argument of dlib's Python module may be, and how it is read.

dlib is bound to Python by pybind11, which tries each overload twice: strictly, then with
conversions.  A number, a string or an array that one takes and the other refuses decides which
overload runs, so the same rules are followed here.  Source: pybind11 2.x ``cast.h``,
``pytypes.h``, ``numpy.h``; dlib ``python/numpy_image.h``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "MISMATCH",
    "MODULE",
    "Float32",
    "Int32",
    "Kind",
    "Long",
    "Size",
    "instance_of",
    "integers",
    "kind_of",
]

MODULE = "_dlib_pybind11"
"""The module that dlib's classes say they are from: in messages, in types and in pickles."""


class _Mismatch:
    def __repr__(self) -> str:
        return "MISMATCH"


MISMATCH: Any = _Mismatch()
"""Given back for an argument that an overload does not take."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of argument.

    text: as the messages name it.  read: (argument, convert) to the value, or MISMATCH.
    """

    text: str
    read: Callable[[Any, bool], Any]


# Names for annotations: how wide the C++ type behind a Python number is.
Long: TypeAlias = int
Size: TypeAlias = int
Int32: TypeAlias = int
Float32: TypeAlias = float


def _integer(low: int, high: int) -> Callable[[Any, bool], Any]:
    def read(value: Any, convert: bool) -> Any:
        if isinstance(value, float):
            return MISMATCH
        try:
            number = operator.index(value)
        except TypeError:
            if not convert or isinstance(value, (str, bytes, bytearray)):
                return MISMATCH
            try:
                number = int(value)
            except (TypeError, ValueError, OverflowError):
                return MISMATCH
        return number if low <= number <= high else MISMATCH

    return read


def _real(single: bool) -> Callable[[Any, bool], Any]:
    def read(value: Any, convert: bool) -> Any:
        if isinstance(value, float):
            number = float(value)
        elif not convert or isinstance(value, (str, bytes, bytearray)):
            return MISMATCH
        else:
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError):
                return MISMATCH
        if not single:
            return number
        with np.errstate(over="ignore"):
            return float(np.float32(number))

    return read


def _boolean(value: Any, convert: bool) -> Any:
    if value is True or value is False:
        return value
    if convert or type(value).__name__ in ("bool", "bool_"):
        if value is None:
            return False
        if hasattr(value, "__bool__"):
            try:
                return bool(value)
            except (TypeError, ValueError):
                return MISMATCH
    return MISMATCH


def _text(value: Any, _convert: bool) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "surrogateescape")
    return MISMATCH


def instance_of(wanted: type, text: str) -> Kind:
    """Return the kind of arguments that are objects of a class."""
    return Kind(text, lambda value, _convert: value if isinstance(value, wanted) else MISMATCH)


def integers(low: int, high: int) -> Kind:
    """Return the kind of arguments that are whole numbers of a range."""
    return Kind("int", _integer(low, high))


def _iterable(value: Any, _convert: bool) -> Any:
    try:
        iter(value)
    except TypeError:
        return MISMATCH
    return value


_PLAIN: dict[str, Kind] = {
    "Long": Kind("int", _integer(-(2**63), 2**63 - 1)),
    "Int32": Kind("int", _integer(-(2**31), 2**31 - 1)),
    "Size": Kind("int", _integer(0, 2**64 - 1)),
    "float": Kind("float", _real(single=False)),
    "Float32": Kind("float", _real(single=True)),
    "bool": Kind("bool", _boolean),
    "str": Kind("str", _text),
    "object": Kind("object", lambda value, _convert: value),
    "list": instance_of(list, "list"),
    "tuple": instance_of(tuple, "tuple"),
    "slice": instance_of(slice, "slice"),
    "Iterable": Kind("Iterable", _iterable),
    "None": Kind("None", lambda _value, _convert: MISMATCH),
}


def _list_of(inner: Kind) -> Kind:
    def read(value: Any, convert: bool) -> Any:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__getitem__"):
            return MISMATCH
        if not isinstance(value, Iterable) or not hasattr(value, "__len__"):
            return MISMATCH
        read_all = []
        for item in value:
            one = inner.read(item, convert)
            if one is MISMATCH:
                return MISMATCH
            read_all.append(one)
        return read_all

    return Kind(f"list[{inner.text}]", read)


def kind_of(annotation: str | Kind, names: dict[str, Any]) -> Kind:
    """Return the kind that an annotation of an implementation means.

    annotation: its source, such as ``Long``, ``list[rectangle]``, the name of a bound class or
        of an alias ``Annotated[Any, Kind(...)]``; or the kind itself.
    names: of the module that it stands in.
    """
    if isinstance(annotation, Kind):
        return annotation
    # What mypy has to be told about a list's elements says nothing to pybind11.
    text = annotation.replace("list[Any]", "list").replace("tuple[Any, ...]", "tuple")
    text = text.replace("Iterable[Any]", "Iterable")
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith("list[") and text.endswith("]"):
        return _list_of(kind_of(text[5:-1], names))
    found = names[text]
    for extra in getattr(found, "__metadata__", ()):  # of typing.Annotated
        if isinstance(extra, Kind):
            return extra
    return instance_of(found, f"{found.__module__}.{found.__qualname__}")
