"""What the objects that dlib copies have in common: its lists hold copies, never the originals."""

from __future__ import annotations

from typing import Any

from phiz.compat.dlib.binding import Bound, Field, Overloads
from phiz.compat.dlib.state import pack, unpack
from phiz.formats.cursor import Cursor

__all__ = ["Part", "Stored", "Value"]


class Value(Bound):
    """An object that is what its slots hold."""

    __slots__ = ()

    @classmethod
    def _default(cls) -> Any:
        """Return what a list is filled with when it grows."""
        return cls()

    def _copy(self) -> Any:
        """Return a copy; of dlib's class, where this is of one derived from it."""
        made = self._plain.__new__(self._plain)
        made._assign(self)
        return made

    def _assign(self, other: Any) -> None:
        """Take another object's value and stay the same object, as references to it expect."""
        for slot in self._plain.__slots__:
            new, kept = getattr(other, slot), getattr(self, slot, None)
            if not isinstance(new, Value):
                setattr(self, slot, new)
            elif kept is None:
                setattr(self, slot, new._copy())
            else:
                kept._assign(new)

    def _same(self, other: Any) -> bool:
        return all(getattr(self, slot) == getattr(other, slot) for slot in self._plain.__slots__)

    def _text(self) -> str:
        """Return it as dlib prints it in a list."""
        return str(self)


class Part(Field):
    """An attribute that gives out the object it keeps, which takes the value of what is set."""

    def __set__(self, instance: object, value: object) -> None:
        kept = self.__get__(instance)
        super().__set__(instance, value)
        kept._assign(self.__get__(instance))
        setattr(instance, self._slot, kept)


class Stored(Value):
    """A value that can be pickled."""

    __slots__ = ()
    __setstate__ = Overloads()

    def __init_subclass__(cls) -> None:
        cls.__setstate__ = Stored.__setstate__.of(cls, {})

    def _write(self) -> bytes:
        """Return dlib's serialization."""
        raise NotImplementedError

    def _read(self, cursor: Cursor) -> None:
        """Become what is serialized there; RuntimeError as dlib raises it."""
        raise NotImplementedError

    @classmethod
    def _from(cls, cursor: Cursor) -> Any:
        """Return the object that is serialized there; RuntimeError as dlib raises it."""
        made = cls.__new__(cls)
        made._read(cursor)
        return made

    def __getstate__(self) -> tuple[bytes]:
        return pack(self._write())

    @__setstate__.add
    def _(self, arg0: tuple[Any, ...]) -> None:
        unpack(arg0, type(self).__qualname__, self._read)
