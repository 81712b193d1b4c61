"""Arrow tables and Parquet files to face tables.

Files are hostile input: what they say of themselves is checked before anything is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.arrow.door import pyarrow
from phiz.checks import I64
from phiz.errors import FormatError, SpaceError
from phiz.table import SCHEMA, FaceTable, Picture

__all__ = ["from_arrow", "read_parquet"]

_BATCH = 1 << 13  # rows read at once
_SPARE = 256 << 20  # bytes that reading may take beside four times the file
_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}  # Arrow's names
_PICTURE = 300  # bytes of a Picture and its strings


def from_arrow(table: Any, *, path: str = "the Arrow table") -> FaceTable:
    """Return the face table that :func:`to_arrow` made an Arrow table of.

    Rows may be missing or in another order; pictures come in the order of their numbers.
    path: what to call it in errors.

    Raises FormatError where a column is missing or is not what it should be, SpaceError where
    rows come from different models or options.
    """
    return _assemble(table.to_batches(), table.schema, path, limit=None)


def _assemble(batches: Iterable[Any], schema: Any, path: str, *, limit: int | None) -> FaceTable:
    """Put a table together from batches of rows.

    limit: bytes that the batches and their texts may take, if there is one.
    """
    head = _head(schema, path)
    kinds = _kinds(schema, path)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in kinds}
    pictures: dict[int, Picture] = {}
    same: dict[str, set[str]] = {"scheme": set(), "space": set(), "settings_hash": set()}
    owners: list[I64] = []
    used = 0
    for batch in batches:
        used += batch.nbytes + batch.num_rows * _PICTURE
        _afford(path, used, limit)
        numbers = _numbers(batch, "picture", path)
        if numbers.min(initial=0) < 0:
            raise FormatError(path, 0, "pictures numbered from 0", f"picture {numbers.min()}")
        _note_pictures(batch, numbers, pictures, path)
        for name, values in same.items():
            if name in batch.schema.names:
                values.update(text for text in _texts(batch.column(name)) if text is not None)
                if len(values) > 1:
                    raise SpaceError(f"{path}: rows made with different models or options")
        faces = batch.filter(batch.column("rank").is_valid())
        owners.append(_numbers(faces, "picture", path))
        for name, (column, dtype, shape) in kinds.items():
            parts[name].append(_values(_child(faces, column), name, dtype, shape, path, limit))
    order = sorted(pictures)
    owner = np.concatenate([np.zeros(0, np.int64), *owners])

    def joined(name: str) -> Any:
        if name not in kinds:
            return None
        _, dtype, shape = kinds[name]
        some = [part for part in parts[name] if len(part)]
        if dtype.kind == "U":
            width = max((part.dtype.itemsize for part in some), default=4)
            _afford(path, width * len(owner), limit)
        return np.concatenate(some) if some else np.zeros((0, *shape), dtype)

    def one(name: str) -> str | None:
        return next(iter(same[name]), head.get(name))

    try:
        return FaceTable(
            pictures=tuple(pictures[number] for number in order),
            picture=np.searchsorted(np.array(order, np.int64), owner),
            rank=joined("rank"),
            boxes=joined("box"),
            scores=joined("score"),
            labels=joined("label"),
            landmarks=joined("landmarks"),
            scheme=one("scheme") if "landmarks" in kinds else None,  # type: ignore[arg-type]
            descriptors=joined("descriptor"),
            space=one("space") if "descriptor" in kinds else None,
            metric=head.get("metric", "euclidean"),  # type: ignore[arg-type]
            threshold=None if "threshold" not in head else float(head["threshold"]),
            attributes={
                name.removeprefix("attributes."): joined(name)
                for name in kinds
                if name.startswith("attributes.")
            },
            settings_hash=one("settings_hash") or "",
        )
    except ValueError as error:
        raise FormatError(path, 0, "a table of faces", str(error)) from error


def _afford(path: str, size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise FormatError(path, 0, f"at most {limit} bytes unpacked", f"{size} or more")


def _head(schema: Any, path: str) -> dict[str, str]:
    """Return what the schema says of all rows."""
    stored = {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in (schema.metadata or {}).items()
    }
    version = stored.get("phiz.schema")
    if version != str(SCHEMA):
        raise FormatError(path, 0, f"phiz.schema {SCHEMA}", "none" if version is None else version)
    if stored.get("phiz.metric", "euclidean") not in ("euclidean", "cosine"):
        raise FormatError(path, 0, "euclidean or cosine", repr(stored["phiz.metric"]))
    try:
        float(stored.get("phiz.threshold", "0"))
    except ValueError:
        raise FormatError(path, 0, "a threshold", repr(stored["phiz.threshold"])) from None
    return {name.removeprefix("phiz."): value for name, value in stored.items()}


_Kinds = Mapping[str, "tuple[tuple[str, ...], np.dtype[Any], tuple[int, ...]]"]


def _kinds(schema: Any, path: str) -> _Kinds:
    """Return where each column of faces is, its dtype and its values' shape, or FormatError."""
    pa = pyarrow()
    for name in ("source", "content_hash", "error"):
        _want(schema, name, "texts", path, lambda kind: _kind(kind) == (np.dtype("U"), ()))
    for name in ("picture", "frame", "width", "height"):
        _want(schema, name, "int64", path, lambda kind: kind == pa.int64())
    _want(schema, "time", "float64", path, lambda kind: kind == pa.float64())
    wanted: dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]] = {
        "rank": (np.dtype(np.int64), ()),
        "box": (np.dtype(np.float32), (4,)),
        "score": (np.dtype(np.float32), ()),
        "label": (np.dtype("U"), ()),
        "landmarks": (np.dtype(np.float32), (None, 2)),
        "descriptor": (np.dtype(np.float32), (None,)),
    }
    found: dict[str, tuple[tuple[str, ...], np.dtype[Any], tuple[int, ...]]] = {}
    for name, (dtype, shape) in wanted.items():
        if name in ("landmarks", "descriptor") and name not in schema.names:
            continue

        def fits(kind: Any, dtype: Any = dtype, shape: Any = shape) -> bool:
            have = _kind(kind)
            return (
                have is not None
                and have[0] == dtype
                and len(have[1]) == len(shape)
                and all(want in (None, side) for want, side in zip(shape, have[1], strict=True))
            )

        said = f"{dtype} of shape {('n', *shape)}".replace("None", "any")
        found[name] = ((name,), *_want(schema, name, said, path, fits))
    if "attributes" in schema.names:
        struct = schema.field("attributes").type
        if not pa.types.is_struct(struct):
            raise FormatError(path, 0, "column attributes: a struct", str(struct))
        for field in struct:
            kind = _kind(field.type)
            if kind is None:
                want = f"attribute {field.name}: numbers, truth values or texts"
                raise FormatError(path, 0, want, str(field.type))
            found[f"attributes.{field.name}"] = (("attributes", field.name), *kind)
    return found


def _want(
    schema: Any, name: str, want: str, path: str, fits: Callable[[Any], bool]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and shape of a column's values; FormatError if it is missing or amiss."""
    if schema.names.count(name) != 1:
        raise FormatError(path, 0, f"one column {name}", str(schema.names.count(name)))
    kind = schema.field(name).type
    if not fits(kind):
        raise FormatError(path, 0, f"column {name}: {want}", str(kind))
    known = _kind(kind)
    assert known is not None  # or it would not fit
    return known


def _kind(kind: Any) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
    """Return the NumPy dtype and the shape of one value of an Arrow type, or None."""
    types = pyarrow().types
    shape: list[int] = []
    while types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return np.dtype("U"), tuple(shape)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return np.dtype(_FLOATS.get(str(kind), str(kind))), tuple(shape)
    return None


def _child(batch: Any, where: tuple[str, ...]) -> Any:
    column = batch.column(where[0])
    # flatten, not field: the part of a struct knows nothing of rows that are null or cut off
    return column if len(where) == 1 else column.flatten()[column.type.get_field_index(where[1])]


def _texts(column: Any) -> list[Any]:
    """Return a column as a list; equal texts of a dictionary are one object."""
    if not pyarrow().types.is_dictionary(column.type):
        texts: list[Any] = column.to_pylist()
        return texts
    words = [*column.dictionary.to_pylist(), None]
    return [words[index] for index in column.indices.fill_null(-1).to_pylist()]


def _numbers(batch: Any, name: str, path: str) -> I64:
    column = batch.column(name)
    if column.null_count:
        raise FormatError(path, 0, f"column {name}: a number in each row", "null")
    return np.array(column.to_numpy(zero_copy_only=False), np.int64)


def _note_pictures(batch: Any, numbers: I64, pictures: dict[int, Picture], path: str) -> None:
    """Add the pictures that these rows name first."""
    _, first = np.unique(numbers, return_index=True)
    fresh = [row for row in first.tolist() if int(numbers[row]) not in pictures]
    if not fresh:
        return
    rows = batch.take(pyarrow().array(fresh))
    names = ("source", "content_hash", "width", "height", "frame", "time", "error")
    columns = [_texts(rows.column(name)) for name in names]
    for row, values in zip(fresh, zip(*columns, strict=True), strict=True):
        if None in values[:4]:
            raise FormatError(path, 0, "source, content_hash, width and height", "null")
        pictures[int(numbers[row])] = Picture(*values)


def _values(
    column: Any,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    path: str,
    limit: int | None,
) -> NDArray[Any]:
    """Return a column of faces as an array; only labels may be null."""
    count = len(column)
    for _ in shape:
        _refuse_null(column, name, path)
        column = column.flatten()
    if name != "label":
        _refuse_null(column, name, path)
    if dtype.kind == "U":
        texts = [text or "" for text in _texts(column)]
        _afford(path, 4 * max(map(len, texts), default=0) * len(texts), limit)
        return np.array(texts, np.str_).reshape(count, *shape)
    flat = np.array(column.to_numpy(zero_copy_only=False), dtype)
    return flat.reshape(count, *shape)


def _refuse_null(column: Any, name: str, path: str) -> None:
    if column.null_count:
        raise FormatError(path, 0, f"column {name}: a value for each face", "null")


def read_parquet(path: str | os.PathLike[str]) -> FaceTable:
    """Read a Parquet file that phiz wrote, whole.

    Raises FormatError where it is damaged, is none of phiz's, or would unpack to more than four
    times its size and 256 MB.
    """
    pa = pyarrow()
    name = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        limit = 4 * size + _SPARE
        try:
            texts = _text_columns(pa.parquet.ParquetFile(file))
            stored = pa.parquet.ParquetFile(file, read_dictionary=texts)
            meta = stored.metadata
            schema = stored.schema_arrow
            _head(schema, name)
            width = _PICTURE + sum(_width(field.type) for field in schema)
            _afford(name, meta.num_rows * width, limit)
            unpacked = 0
            for group in range(meta.num_row_groups):
                unpacked += meta.row_group(group).total_byte_size
                _afford(name, unpacked, limit)
            # One by one: a batch of two groups would have two dictionaries.
            batches = (
                batch
                for group in range(meta.num_row_groups)
                for batch in stored.iter_batches(_BATCH, row_groups=[group])
            )
            return _assemble(batches, schema, name, limit=limit)
        except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
            raise FormatError(name, 0, "a Parquet file", str(error)) from error


def _text_columns(stored: Any) -> list[str]:
    """Return the columns to read as dictionaries: a text that each row repeats is kept once."""
    leaves = (stored.schema.column(number) for number in range(len(stored.schema)))
    return [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]


def _width(kind: Any) -> int:
    """Return how many bytes a value of this type takes at least."""
    types = pyarrow().types
    if types.is_struct(kind):
        return sum(_width(field.type) for field in kind)
    known = _kind(kind)
    if known is None:
        return 0
    return int(np.prod(known[1])) * max(known[0].itemsize, 4 if known[0].kind == "U" else 1)
