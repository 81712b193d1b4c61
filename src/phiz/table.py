"""FaceTable: what is known of the faces of many pictures, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check
from phiz.errors import ShapeError, SpaceError
from phiz.values import Descriptors, Faces, Landmarks, Metric, Rows, Scheme, html_table

__all__ = ["SCHEMA", "FaceTable", "Picture"]

SCHEMA = 1
"""Version of the columns and of the JSON lines."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that was looked at, with or without faces.

    source: path or other name.  content_hash: SHA-256 of the file, or of an array's pixels.
    frame, time: position in a video, in frames and seconds, or None.
    width, height: pixels, after EXIF orientation; 0 if it could not be read.
    error: why it could not be read, or None.
    """

    source: str
    content_hash: str = ""
    width: int = 0
    height: int = 0
    frame: int | None = None
    time: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceTable:
    """Faces as columns; one row per face, in the order of pictures, best score first in each.

    pictures: every picture that was looked at.  picture: (n,) int64, the one each face is in.
    rank: (n,) int64, which of the faces found in its picture each one is, 0 the best.
    boxes: (n, 4) float32 ``x0 y0 x1 y1``, pixels, right and bottom exclusive.
    scores: (n,) float32.  labels: (n,) str, "" where the detector has none.
    landmarks: (n, k, 2) float32 of ``scheme``, or None.
    descriptors: (n, d) float32 of ``space``, or None; compared by ``metric``, same person below
    ``threshold``.
    attributes: further columns by name.
    settings_hash: equal for tables made by the same models with the same options.
    """

    pictures: tuple[Picture, ...]
    picture: I64
    rank: I64
    boxes: F32
    scores: F32
    labels: NDArray[np.str_]
    landmarks: F32 | None = None
    scheme: Scheme | None = None
    descriptors: F32 | None = None
    space: str | None = None
    metric: Metric = "euclidean"
    threshold: float | None = None
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    settings_hash: str = ""

    def __post_init__(self) -> None:
        check(self.picture, (None,), dtype=np.int64, name="picture")
        count = len(self.picture)
        if count and not (self.picture.min() >= 0 and self.picture.max() < len(self.pictures)):
            raise ShapeError("picture: wanted indices of pictures")
        check(self.rank, (count,), dtype=np.int64, name="rank")
        check(self.boxes, (count, 4), dtype=np.float32, name="boxes")
        check(self.scores, (count,), dtype=np.float32, name="scores")
        check(self.labels, (count,), name="labels")
        if self.landmarks is not None:
            check(self.landmarks, (count, None, 2), dtype=np.float32, name="landmarks")
        if self.descriptors is not None:
            check(self.descriptors, (count, None), dtype=np.float32, name="descriptors")
        for name, column in self.attributes.items():
            check(column, (count, *[None] * (column.ndim - 1)), name=name)

    @classmethod
    def of_picture(
        cls,
        picture: Picture,
        faces: Faces | None = None,
        landmarks: Landmarks | None = None,
        descriptors: Descriptors | None = None,
        *,
        settings_hash: str = "",
    ) -> FaceTable:
        """Make the table of one picture."""
        faces = faces or Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        return cls(
            pictures=(picture,),
            picture=np.zeros(len(faces), np.int64),
            rank=np.arange(len(faces), dtype=np.int64),
            boxes=faces.boxes,
            scores=faces.scores,
            labels=np.array(faces.labels or [""] * len(faces), np.str_),
            landmarks=None if landmarks is None else landmarks.points,
            scheme=None if landmarks is None else landmarks.scheme,
            descriptors=None if descriptors is None else descriptors.vectors,
            space=None if descriptors is None else descriptors.space,
            metric="euclidean" if descriptors is None else descriptors.metric,
            threshold=None if descriptors is None else descriptors.threshold,
            settings_hash=settings_hash,
        )

    @classmethod
    def concat(cls, tables: Sequence[FaceTable]) -> FaceTable:
        """Stack tables made with the same settings; SpaceError if they were not."""
        if not tables:
            return replace(cls.of_picture(Picture("")), pictures=())
        first = tables[0]
        for table in tables:
            if (table.settings_hash, table.space) != (first.settings_hash, first.space):
                raise SpaceError("tables made with different models or options cannot be stacked")
        starts = np.cumsum([0, *(len(table.pictures) for table in tables[:-1])])

        def stack(name: str) -> Any:
            parts = [getattr(table, name) for table in tables]
            return None if parts[0] is None else np.concatenate(parts)

        return cls(
            pictures=tuple(picture for table in tables for picture in table.pictures),
            picture=np.concatenate(
                [table.picture + start for table, start in zip(tables, starts, strict=True)]
            ),
            rank=stack("rank"),
            boxes=stack("boxes"),
            scores=stack("scores"),
            labels=stack("labels"),
            landmarks=stack("landmarks"),
            scheme=first.scheme,
            descriptors=stack("descriptors"),
            space=first.space,
            metric=first.metric,
            threshold=first.threshold,
            attributes={
                name: np.concatenate([table.attributes[name] for table in tables])
                for name in first.attributes
            },
            settings_hash=first.settings_hash,
        )

    def rename(self, source: str, frame: int | None = None, time: float | None = None) -> FaceTable:
        """Return the table of one picture under another name and place in a stream."""
        (picture,) = self.pictures
        return replace(self, pictures=(replace(picture, source=source, frame=frame, time=time),))

    def __len__(self) -> int:
        return len(self.picture)

    def __getitem__(self, rows: Rows) -> FaceTable:
        index = np.arange(len(self))[rows]
        return FaceTable(
            self.pictures,
            self.picture[index],
            self.rank[index],
            self.boxes[index],
            self.scores[index],
            self.labels[index],
            None if self.landmarks is None else self.landmarks[index],
            self.scheme,
            None if self.descriptors is None else self.descriptors[index],
            self.space,
            self.metric,
            self.threshold,
            {name: column[index] for name, column in self.attributes.items()},
            self.settings_hash,
        )

    def _of_pictures(self, name: str) -> list[Any]:
        return [getattr(self.pictures[index], name) for index in self.picture]

    @property
    def source(self) -> list[str]:
        """The picture each face is in."""
        return self._of_pictures("source")

    @property
    def content_hash(self) -> list[str]:
        """SHA-256 of each face's picture."""
        return self._of_pictures("content_hash")

    @property
    def width(self) -> I64:
        """(n,) int64, pixels, of each face's picture."""
        return np.array(self._of_pictures("width"), np.int64)

    @property
    def height(self) -> I64:
        """(n,) int64, pixels, of each face's picture."""
        return np.array(self._of_pictures("height"), np.int64)

    @property
    def frame(self) -> list[int | None]:
        """Video frame of each face, or None."""
        return self._of_pictures("frame")

    @property
    def time(self) -> F64:
        """(n,) float64, seconds into the video; NaN for stills."""
        times = (np.nan if time is None else time for time in self._of_pictures("time"))
        return np.array(list(times), np.float64)

    @property
    def face_id(self) -> list[str]:
        """A name for each face that is the same in every run: picture's hash and rank in it."""
        hashes = self._of_pictures("content_hash")
        return [f"{name[:16]}-{rank}" for name, rank in zip(hashes, self.rank, strict=True)]

    def described(self) -> Descriptors:
        """Return the descriptors; ShapeError if the faces were not described."""
        if self.descriptors is None or self.space is None or self.threshold is None:
            raise ShapeError("this table has no descriptors: make it with a descriptor model")
        return Descriptors(self.descriptors, self.space, self.metric, self.threshold)

    def to_arrow(self) -> Any:
        """Return the faces and pictures as an Arrow table; see :mod:`phiz.arrow`."""
        from phiz.arrow import to_arrow  # loaded when it is needed

        return to_arrow(self)

    @classmethod
    def from_arrow(cls, table: Any) -> FaceTable:
        """Return the face table that an Arrow table was made of; see :mod:`phiz.arrow`."""
        from phiz.arrow import from_arrow

        return from_arrow(table)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield one JSON-ready dictionary per picture; see the schema in the documentation."""
        rows: dict[int, list[int]] = {}
        for row, index in enumerate(self.picture.tolist()):
            rows.setdefault(index, []).append(row)
        for index, picture in enumerate(self.pictures):
            if picture.error is not None:
                yield {"schema": SCHEMA, "path": picture.source, "error": picture.error}
                continue
            yield {
                "schema": SCHEMA,
                "path": picture.source,
                "width": picture.width,
                "height": picture.height,
                "faces": [self._face(row) for row in rows.get(index, [])],
            }

    def _face(self, row: int) -> dict[str, Any]:
        def numbers(column: F32 | None) -> Any:
            return None if column is None else [_short(value) for value in column[row]]

        return {
            "box": numbers(self.boxes),
            "score": _short(self.scores[row]),
            "label": str(self.labels[row]) or None,
            "landmarks": numbers(self.landmarks),
            "descriptor": numbers(self.descriptors),
            **{name: column[row].tolist() for name, column in self.attributes.items()},
        }

    def __repr__(self) -> str:
        return f"FaceTable({len(self)} faces in {len(self.pictures)} pictures)"

    def _repr_html_(self) -> str:
        rows = [
            [self.pictures[self.picture[i]].source, " ".join(f"{v:.0f}" for v in self.boxes[i]),
             f"{self.scores[i]:.3f}", str(self.labels[i])]
            for i in range(min(10, len(self)))
        ]  # fmt: skip
        return html_table(repr(self), ["picture", "x0 y0 x1 y1", "score", "label"], rows, len(self))


def _short(value: Any) -> Any:
    """Return float32 as the shortest decimal that reads back as the same float32."""
    if isinstance(value, np.ndarray):
        return [_short(item) for item in value]
    return float(str(value))
