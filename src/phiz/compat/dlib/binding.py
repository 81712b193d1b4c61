"""Overloaded functions and methods as pybind11 makes them, of ordinary annotated functions.

    class rectangle(Bound):
        contains = Overloads()

        @contains.add
        def _(self, point: point) -> bool: ...

        @contains.add
        def _(self, x: Long, y: Long) -> bool: ...

The annotations choose the overload, and the TypeError for arguments that none of them takes lists
them as dlib's does.  An argument that dlib gives no name is called ``arg0``, ``arg1`` ... and is
given by position only.
"""

from __future__ import annotations

import copyreg
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any, ClassVar, TypeVar

from phiz.compat.dlib.kinds import MISMATCH, MODULE, Kind, kind_of

__all__ = ["Bound", "Field", "NotTakenError", "Overloads", "Readonly", "bound", "is_made"]

_UNNAMED = re.compile(r"arg\d+$")
_MAKING = ("__init__", "__setstate__")
_MISSING: Any = inspect.Parameter.empty

_MISSING_HEADERS = (
    "",
    "Did you forget to `#include <pybind11/stl.h>`? Or <pybind11/complex.h>,",
    "<pybind11/functional.h>, <pybind11/chrono.h>, etc. Some automatic",
    "conversions are optional and require extra headers to be included",
    "when compiling your pybind11 module.",
)
"""What pybind11 asks where an error names a C++ class that has no other name yet."""


class NotTakenError(Exception):
    """Raised by an implementation for arguments that are the next one's after all."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    kind: Kind
    default: Any

    @property
    def text(self) -> str:
        default = "" if self.default is _MISSING else f" = {self.default!r}"
        return f"{self.name}: {self.kind.text}{default}"


@dataclass(frozen=True, slots=True)
class _Overload:
    owner: str
    parameters: tuple[_Parameter, ...]
    returns: str
    run: Callable[..., Any]

    def read(
        self, given: tuple[Any, ...], named: dict[str, Any], *, convert: bool
    ) -> list[Any] | None:
        """Return the values of a call's arguments, or None if it is not this overload's."""
        if len(given) > len(self.parameters):
            return None
        values = []
        used = 0
        for place, parameter in enumerate(self.parameters):
            if place < len(given):
                if parameter.name in named:
                    return None
                value = parameter.kind.read(given[place], convert)
            elif parameter.name in named and not _UNNAMED.match(parameter.name):
                used += 1
                value = parameter.kind.read(named[parameter.name], convert)
            else:
                value = parameter.default
            if value is MISMATCH or value is _MISSING:
                return None
            values.append(value)
        return values if used == len(named) else None


class Overloads:
    """A function, or a method, with several implementations; see the module's page.

    operator: gives NotImplemented for arguments that it does not take, as an operator does.
    static: a method that does not see its object.
    """

    def __init__(
        self, name: str = "", doc: str = "", *, operator: bool = False, static: bool = False
    ) -> None:
        self.__name__ = self.__qualname__ = name
        self.__doc__ = doc
        self.__module__ = MODULE
        self._owner: type | None = None
        self._operator = operator
        self._static = static
        self._added: list[Callable[..., Any]] = []
        self._names: dict[str, Any] = {}
        self._ready: tuple[_Overload, ...] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self.__name__ = name
        self.__qualname__ = f"{owner.__qualname__}.{name}"

    def __repr__(self) -> str:
        return f"<built-in method {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__qualname__

    def add(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Take one more implementation; they are tried in this order."""
        self._added.append(run)
        return run

    def more(self, first: int | None = None) -> Overloads:
        """Return these implementations, or only the first, to add others to in another class."""
        made = Overloads("", self.__doc__ or "", operator=self._operator, static=self._static)
        made._added = self._added[:first]
        return made

    def of(self, owner: type, names: dict[str, Any]) -> Overloads:
        """Return these implementations as another class's.

        names: what annotations may say besides what their modules know.
        """
        made = self.more()
        made.__set_name__(owner, self.__name__)
        made._names = names
        return made

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None or self._static else MethodType(self, instance)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Run the first implementation that takes these arguments; TypeError if none does."""
        overloads = self._ready or self._prepare()
        first: tuple[Any, ...] = ()
        if self._owner is not None and not self._static:
            if not (given and isinstance(given[0], self._owner)):
                raise TypeError(self._refusal(given, named))
            if self.__name__ in _MAKING and is_made(given[0]):
                return None
            first, given = given[:1], given[1:]
        passes = (False, True) if len(overloads) > 1 else (True,)
        for convert in passes:
            for overload in overloads:
                values = overload.read(given, named, convert=convert)
                if values is None:
                    continue
                try:
                    return overload.run(*first, *values)
                except NotTakenError:
                    continue
        if self._operator:
            return NotImplemented
        raise TypeError(self._refusal(first + given, named))

    def _prepare(self) -> tuple[_Overload, ...]:
        """Read the annotations: at the first call, when every class that they name exists."""
        ready = []
        bound_method = self._owner is not None and not self._static
        for run in self._added:
            names = {**inspect.unwrap(run).__globals__, **self._names}
            parameters = list(inspect.signature(run).parameters.values())
            owner = ""
            if bound_method:
                told = parameters.pop(0).annotation
                owner = f"{MODULE}.{self._owner.__qualname__}"  # type: ignore[union-attr]
                owner = owner if told is _MISSING else kind_of(told, names).text
            kinds = [kind_of(each.annotation, names) for each in parameters]
            read = [
                _Parameter(each.name, kind, each.default)
                for each, kind in zip(parameters, kinds, strict=True)
            ]
            returned = run.__annotations__.get("return", "object")
            text = "None" if returned == "None" else kind_of(returned, names).text
            ready.append(_Overload(owner, tuple(read), text, run))
        self._ready = tuple(ready)
        return self._ready

    @property
    def signatures(self) -> tuple[str, ...]:
        """What each overload takes and returns, as the error lists it."""
        made = []
        for overload in self._ready or self._prepare():
            texts = [parameter.text for parameter in overload.parameters]
            if self._owner is not None and self.__name__ in _MAKING:
                made.append(f"{MODULE}.{self._owner.__qualname__}({', '.join(texts)})")
                continue
            if overload.owner:
                texts.insert(0, f"self: {overload.owner}")
            made.append(f"({', '.join(texts)}) -> {overload.returns}")
        return tuple(made)

    def _refusal(self, given: tuple[Any, ...], named: dict[str, Any]) -> str:
        what = "constructor" if self.__name__ in _MAKING else "function"
        lines = [
            f"{self.__name__}(): incompatible {what} arguments. "
            "The following argument types are supported:"
        ]
        lines += [f"    {place}. {text}" for place, text in enumerate(self.signatures, 1)]
        if self.__name__ in _MAKING:
            given = given[1:]
        shown = ", ".join(_shown(value) for value in given)
        if named:
            words = ", ".join(f"{name}={_shown(value)}" for name, value in named.items())
            shown += f"{'; ' if shown else ''}kwargs: {words}"
        lines += ["", f"Invoked with: {shown}"]
        if any("std::" in line for line in lines):
            lines += _MISSING_HEADERS
        return "\n".join(lines)


class Field:
    """An attribute that takes one kind of value, kept in the slot of its name after ``_``.

    annotation: as of an argument.  writable: False for an attribute that is only read.
    member: dlib binds the C++ member itself, not functions that read and write it.
    """

    def __init__(self, annotation: str, *, writable: bool = True, member: bool = False) -> None:
        self._annotation = annotation
        self._writable = writable
        self._arguments = ("self", "arg0") if member else ("arg0", "arg1")

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._module = owner.__module__  # the real one: the class is renamed afterwards
        self._slot = f"_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self._slot)

    def __set__(self, instance: object, value: object) -> None:
        if not self._writable:
            raise _no(instance, "setter")
        wanted = kind_of(self._annotation, sys.modules[self._module].__dict__)
        read = wanted.read(value, True)
        if read is MISMATCH:
            owner, given = self._arguments
            raise TypeError(
                "(): incompatible function arguments. The following argument types are "
                f"supported:\n    1. ({owner}: {MODULE}.{self._owner.__qualname__}, "
                f"{given}: {wanted.text}) -> None\n\n"
                f"Invoked with: {_shown(instance)}, {_shown(value)}"
            )
        setattr(instance, self._slot, read)

    def __delete__(self, instance: object) -> None:
        raise _no(instance, "deleter")


class Readonly:
    """An attribute that a function computes."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        self._run = run
        self.__doc__ = run.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._run(instance)

    def __set__(self, instance: object, value: object) -> None:
        raise _no(instance, "setter")

    def __delete__(self, instance: object) -> None:
        raise _no(instance, "deleter")


def _no(instance: object, what: str) -> AttributeError:
    return AttributeError(f"property of {type(instance).__qualname__!r} object has no {what}")


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - the value is only part of a message
        return "<repr raised Error>"


Class = TypeVar("Class", bound=type)


def _revive(name: str, state: tuple[Any, ...]) -> Any:
    """Make an object of this module from its pickle."""
    from phiz.compat import dlib

    kind = getattr(dlib, name)
    if not (isinstance(kind, type) and issubclass(kind, Bound)):
        raise TypeError(f"a pickle of dlib's types: wanted one of them, found {name!r}")
    made: Any = kind.__new__(kind)
    made.__setstate__(state)
    return made


class Bound:
    """The base of the classes: values without attributes of their own, as pybind11 makes them."""

    __slots__ = ()
    _plain: ClassVar[Any]  # dlib's class, of this object or of one derived from it

    def __getstate__(self) -> tuple[Any, ...]:
        raise TypeError(f"cannot pickle '{MODULE}.{type(self).__qualname__}' object")

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as dlib does where its module's name leads here, else by phiz's own name."""
        kind = type(self)
        state = self.__getstate__()
        held = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
        if held is kind or kind is not self._plain:
            return copyreg.__newobj__, (kind,), state  # type: ignore[attr-defined]
        return _revive, (kind.__qualname__, state)


def is_made(value: object) -> bool:
    """Return whether an object has a value: pybind11 makes none a second time, without an error."""
    slots = (slot for kind in type(value).__mro__ for slot in vars(kind).get("__slots__", ()))
    return any(hasattr(value, slot) for slot in slots)


def bound(kind: Class) -> Class:
    """Give a class dlib's module name: types print as dlib's, and pickles can be exchanged."""
    kind.__module__ = MODULE
    kind._plain = kind  # type: ignore[attr-defined]
    return kind
