"""Face tables to Arrow tables and Parquet files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from phiz.arrow.door import pyarrow
from phiz.cache import writing
from phiz.errors import ShapeError, SpaceError
from phiz.table import SCHEMA, FaceTable

__all__ = ["to_arrow", "write_parquet", "writing_parquet"]

_GROUP = 1 << 14  # rows of a row group: 11 MB with descriptors of 128 numbers
_KINDS = "biufU"  # of NumPy's dtypes: what an attribute may be


def to_arrow(table: FaceTable, *, first_picture: int = 0) -> Any:
    """Return the faces and pictures of a table as an Arrow table.

    first_picture: the number of the first picture, where several tables make one.

    Raises MissingExtra without pyarrow, ShapeError for a column that Arrow cannot hold.
    """
    pa = pyarrow()
    count = len(table)
    bare = np.setdiff1d(np.arange(len(table.pictures)), table.picture)
    picture = np.concatenate([table.picture, bare])
    order = np.arange(len(picture))
    if (np.diff(table.picture) >= 0).all():  # as they come: rows go picture by picture
        order = np.argsort(picture, kind="stable")
    picture = picture[order]
    faces = pa.array(order, pa.int64(), mask=order >= count)

    def of_faces(values: NDArray[Any], name: str) -> Any:
        if values.ndim == 1:
            return _column(values, name).take(faces)
        # Few programs read lists of a fixed size that are null: a row without a face has NaN.
        blank = np.zeros((1, *values.shape[1:]), values.dtype)
        if values.dtype.kind == "f":
            blank[:] = np.nan
        whole = _column(np.concatenate([values, blank]), name)
        return whole.take(pa.array(np.minimum(order, count)))

    def of_pictures(name: str, kind: Any) -> Any:
        values = [getattr(one, name) for one in table.pictures]
        texts = kind == pa.string()
        column = pa.array([_utf8(value) for value in values] if texts else values, kind)
        return column.take(pa.array(picture))

    def everywhere(value: str | None) -> Any:
        return pa.repeat(pa.scalar(value, pa.string()), len(picture))

    columns = {
        "face_id": pa.array(table.face_id, pa.string()).take(faces),
        "picture": pa.array(picture + first_picture),
        "rank": of_faces(table.rank, "rank"),
        "source": of_pictures("source", pa.string()),
        "content_hash": of_pictures("content_hash", pa.string()),
        "frame": of_pictures("frame", pa.int64()),
        "time": of_pictures("time", pa.float64()),
        "width": of_pictures("width", pa.int64()),
        "height": of_pictures("height", pa.int64()),
        "error": of_pictures("error", pa.string()),
        "box": of_faces(table.boxes, "boxes"),
        "score": of_faces(table.scores, "scores"),
        "label": pa.array(
            [_utf8(label) or None for label in table.labels.tolist()], pa.string()
        ).take(faces),
    }
    if table.landmarks is not None:
        columns["landmarks"] = of_faces(table.landmarks, "landmarks")
        columns["scheme"] = everywhere(table.scheme)
    if table.descriptors is not None:
        columns["descriptor"] = of_faces(table.descriptors, "descriptors")
        columns["space"] = everywhere(table.space)
    if table.attributes:
        parts = [of_faces(column, name) for name, column in table.attributes.items()]
        names = [_utf8(name) for name in table.attributes]
        columns["attributes"] = pa.StructArray.from_arrays(parts, names=names)
    columns["settings_hash"] = everywhere(table.settings_hash)
    return pa.table(columns).replace_schema_metadata(_metadata(table))


def _metadata(table: FaceTable) -> dict[str, str]:
    """Return what holds for all rows; of a table without any the columns do not say it."""
    values = {
        "metric": table.metric,
        "threshold": None if table.threshold is None else repr(float(table.threshold)),
        "scheme": table.scheme,
        "space": table.space,
        "settings_hash": table.settings_hash,
    }
    head = {f"phiz.{name}": value for name, value in values.items() if value is not None}
    return {"phiz.schema": str(SCHEMA), **head}


def _utf8(text: str | None) -> str | None:
    r"""Return a text that UTF-8 can spell: a file's name may hold a byte, ``\udcNN``, it cannot."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def _column(values: NDArray[Any], name: str) -> Any:
    """Return a column of numbers, of texts, or of arrays of one shape."""
    pa = pyarrow()
    if values.dtype.kind not in _KINDS:
        raise ShapeError(
            f"{name}: wanted numbers, truth values or texts, found dtype {values.dtype}"
        )
    if 0 in values.shape[1:]:
        raise ShapeError(f"{name}: an Arrow table has no arrays of shape {values.shape[1:]}")
    flat = values.reshape(-1)
    if values.dtype.kind == "U":
        column = pa.array([_utf8(text) for text in flat.tolist()], pa.string())
    else:
        column = pa.array(np.ascontiguousarray(flat.astype(flat.dtype.newbyteorder("="))))
    for side in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, side)
    return column


class _Sink:
    """Writes tables into one Parquet file, a row group at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._pa = pyarrow()
        self._file = file
        self._writer: Any = None
        self._like: FaceTable | None = None  # without a face: what every table must be like
        self._waiting: list[FaceTable] = []
        self._rows = self._pictures = 0

    def write(self, table: FaceTable) -> None:
        """Add a table; SpaceError if it was made with other models or options."""
        readable = len(table) > 0 or any(one.error is None for one in table.pictures)
        if self._like is None and readable:
            self._like = _bare(table)
        if len(table) and self._like is not None and _sort(table) != _sort(self._like):
            raise SpaceError("tables made with different models or options cannot be one file")
        self._waiting.append(table)
        self._rows += max(len(table), len(table.pictures))
        # Of a picture that could not be read one cannot tell what columns there will be.
        if self._rows >= _GROUP and self._like is not None:
            self._flush()

    def _flush(self) -> None:
        like = self._like
        if like is None:  # nothing could be read
            like = _bare(self._waiting[0] if self._waiting else FaceTable.concat([]))
        tables = [
            table if len(table) else replace(like, pictures=table.pictures)
            for table in self._waiting
        ]
        whole = FaceTable.concat(tables or [like])
        rows = to_arrow(whole, first_picture=self._pictures)
        if self._writer is None:
            self._writer = self._pa.parquet.ParquetWriter(
                self._file, rows.schema, compression="zstd"
            )
        self._writer.write_table(rows.cast(self._writer.schema), row_group_size=_GROUP)
        self._pictures += len(whole.pictures)
        self._waiting, self._rows = [], 0

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        if self._waiting or self._writer is None:
            self._flush()
        self._writer.close()


def _bare(table: FaceTable) -> FaceTable:
    """Return a table's columns without a face or picture."""
    return replace(table[np.zeros(0, np.int64)], pictures=())


def _sort(table: FaceTable) -> tuple[Any, ...]:
    return table.settings_hash, table.space, table.scheme, tuple(table.attributes)


@contextmanager
def writing_parquet(path: str | os.PathLike[str]) -> Iterator[Callable[[FaceTable], None]]:
    """Open a Parquet file for tables; yields a function that takes them one by one.

    The file appears under its name only if the block ends well.  Row groups have 16,384 rows: no
    more wait in memory.  Raises MissingExtra without pyarrow.
    """
    pyarrow()
    with writing(Path(path)) as file:
        sink = _Sink(file)
        yield sink.write
        sink.close()


def write_parquet(path: str | os.PathLike[str], tables: FaceTable | Iterable[FaceTable]) -> None:
    """Write a table, or a stream of tables as of :func:`phiz.pipeline.run`, into a Parquet file."""
    with writing_parquet(path) as write:
        for table in [tables] if isinstance(tables, FaceTable) else tables:
            write(table)
