"""What dlib's lists have in common: C++ vectors as pybind11 binds them.

A list holds copies of what is put into it and gives out references to them.
Source: pybind11 ``stl_bind.h``; dlib ``python/pybind_utils.h``, ``python/src/indexing.h``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeAlias

from phiz.compat.dlib.binding import NotTakenError, Overloads
from phiz.compat.dlib.kinds import MISMATCH, Kind, Long, Size, instance_of
from phiz.compat.dlib.stream import read_many, write_many
from phiz.compat.dlib.values import Stored, Value
from phiz.formats.cursor import Cursor

__all__ = ["Items", "SizedItems", "StoredItems", "cast", "cast_object"]

# Names for annotations, which mean other classes in each list.
Item: TypeAlias = Any
Same: TypeAlias = Any

_MOST = 1 << 28
"""Elements of a list, of a size given as a number: dlib's memory is full somewhere beyond."""


def cast(value: object, kind: Kind) -> Any:
    """Return an element as a C++ value; RuntimeError as pybind11 raises it."""
    read = kind.read(value, True)
    if read is MISMATCH:
        raise RuntimeError(
            f"Unable to cast Python instance of type {type(value)} to C++ type '?' (#define "
            "PYBIND11_DETAILED_ERROR_MESSAGES or compile in debug mode for details)"
        )
    return read


def cast_object(value: object, kind: Kind) -> Any:
    """Return an element that is an object; pybind11 tries the next overload if it is None."""
    if value is None:
        raise NotTakenError
    return cast(value, kind)


class Items(Value):
    """A list of values of one class.

    item: the class; a subclass names it.  printed: it prints its elements.
    """

    __slots__ = ("_items",)
    _items: list[Any]
    _item: ClassVar[type[Value]]

    def __init_subclass__(cls, item: type[Value] | None = None, printed: bool = False) -> None:
        if item is None:
            return
        cls._item = item
        names = {"Item": item, "Same": cls}
        for name in dir(cls):
            shared = getattr(cls, name)
            if isinstance(shared, Overloads):
                setattr(cls, name, shared.of(cls, names))
        if printed:
            cls.__repr__ = cls._shown  # type: ignore[method-assign, assignment]

    __init__ = Overloads()
    __eq__ = Overloads(operator=True)
    __ne__ = Overloads(operator=True)
    __contains__ = Overloads()
    __getitem__ = Overloads()
    __setitem__ = Overloads()
    __delitem__ = Overloads()
    count = Overloads()
    remove = Overloads()
    append = Overloads()
    clear = Overloads()
    extend = Overloads()
    insert = Overloads()
    pop = Overloads()

    @__init__.add
    def _(self) -> None:
        self._items = []

    @__init__.add
    def _(self, arg0: Same) -> None:
        self._assign(arg0)

    @__init__.add
    def _(self, arg0: Iterable[Any]) -> None:
        self._items = []
        self._take(arg0)

    def _assign(self, other: Any) -> None:
        self._items = [each._copy() for each in other._items]

    def _same(self, other: Any) -> bool:
        return len(self._items) == len(other._items) and all(
            mine._same(its) for mine, its in zip(self._items, other._items, strict=True)
        )

    def _take(self, values: Any) -> None:
        kind = instance_of(self._item, "")
        for value in values:
            self._items.append(cast_object(value, kind)._copy())

    @__eq__.add
    def _(self, arg0: Same) -> bool:
        return self._same(arg0)

    @__ne__.add
    def _(self, arg0: Same) -> bool:
        return not self._same(arg0)

    @count.add
    def _(self, x: Item) -> Long:
        return sum(each._same(x) for each in self._items)

    @remove.add
    def _(self, x: Item) -> None:
        for place, each in enumerate(self._items):
            if each._same(x):
                del self._items[place]
                return
        raise ValueError("")

    @__contains__.add
    def _(self, x: Item) -> bool:
        return any(each._same(x) for each in self._items)

    @append.add
    def _(self, x: Item) -> None:
        self._items.append(x._copy())

    @clear.add
    def _(self) -> None:
        self._items = []

    @extend.add
    def _(self, L: Same) -> None:  # noqa: N803 - its name there
        self._items += [each._copy() for each in L._items]

    @extend.add
    def _(self, L: Iterable[Any]) -> None:  # noqa: N803 - its name there
        before = len(self._items)
        try:
            self._take(L)
        except RuntimeError:
            del self._items[before:]
            raise

    @extend.add
    def _(self, arg0: list[Any]) -> None:
        self._take(arg0)

    @insert.add
    def _(self, i: Long, x: Item) -> None:
        place = i + len(self._items) if i < 0 else i
        if not 0 <= place <= len(self._items):
            raise IndexError("")
        self._items.insert(place, x._copy())

    @pop.add
    def _(self) -> Item:
        if not self._items:
            raise IndexError("")
        return self._items.pop()

    @pop.add
    def _(self, i: Long) -> Item:
        return self._items.pop(self._place(i))

    @__getitem__.add
    def _(self, s: slice) -> Same:
        made = self._plain()
        made._items = [each._copy() for each in self._items[s]]
        return made

    @__getitem__.add
    def _(self, arg0: Long) -> Item:
        return self._items[self._place(arg0)]

    @__setitem__.add
    def _(self, arg0: Long, arg1: Item) -> None:
        self._items[self._place(arg0)]._assign(arg1)

    @__setitem__.add
    def _(self, arg0: slice, arg1: Same) -> None:
        taken = self._items[arg0]
        if len(taken) != len(arg1._items):
            raise RuntimeError("Left and right hand size of slice assignment have different sizes!")
        for mine, new in zip(taken, arg1._items, strict=True):
            mine._assign(new)

    @__delitem__.add
    def _(self, arg0: Long) -> None:
        del self._items[self._place(arg0)]

    @__delitem__.add
    def _(self, arg0: slice) -> None:
        del self._items[arg0]

    def _place(self, index: int) -> int:
        """Return an index counted from the front; IndexError if there is no such element."""
        place = index + len(self._items) if index < 0 else index
        if not 0 <= place < len(self._items):
            raise IndexError("")
        return place

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def _shown(self) -> str:
        return f"{self._plain.__qualname__}[{', '.join(each._text() for each in self._items)}]"


class StoredItems(Items, Stored):
    """A list that can be pickled and resized."""

    __slots__ = ()
    clear: Overloads = Items.clear.more()
    resize = Overloads()

    @clear.add
    def _(self) -> None:  # bound twice there
        self._items = []

    @resize.add
    def _(self, arg0: Size) -> None:
        del self._items[arg0:]
        self._grow(arg0, "vector::_M_default_append")

    def _grow(self, size: int, too_many: str) -> None:
        if size > _MOST:
            # What C++ cannot even count is another error than what it has no room for.
            raise ValueError(too_many) if size >= 1 << 58 else MemoryError("std::bad_alloc")
        self._items += [self._item._default() for _ in range(size - len(self._items))]

    def _write(self) -> bytes:
        return write_many([each._write() for each in self._items])

    def _read(self, cursor: Cursor) -> None:
        self._items = read_many(cursor, self._item._from)  # type: ignore[attr-defined]


class SizedItems(StoredItems):
    """A list that can be made with a number of elements."""

    __slots__ = ()
    __init__: Overloads = Items.__init__.more()

    @__init__.add
    def _(self, initial_size: Size) -> None:
        self._items = []
        self._grow(initial_size, "cannot create std::vector larger than max_size()")
