"""What crosses from one step to the next: frozen dataclasses of arrays.

``frozen`` guards names, not array contents: nobody writes into an array of a value in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phiz.checks import F32, F64, I64, check, finite
from phiz.errors import ShapeError, SpaceError

__all__ = [
    "Descriptors",
    "Faces",
    "FhogDetector",
    "Forest",
    "Landmarks",
    "Metric",
    "MmodOptions",
    "MmodWindow",
    "Rows",
    "Scheme",
    "Verification",
    "html_table",
]

Rows: TypeAlias = "slice | list[int] | I64 | NDArray[np.bool_]"
Scheme: TypeAlias = Literal["dlib-5", "ibug-68", "mtcnn-5", "dog-6", "corners-4"]
Metric: TypeAlias = Literal["euclidean", "cosine"]

POINTS: dict[Scheme, int] = {
    "dlib-5": 5,
    "ibug-68": 68,
    "mtcnn-5": 5,
    "dog-6": 6,
    "corners-4": 4,
}


def html_table(title: str, head: list[str], rows: list[list[str]], total: int) -> str:
    """Return a small HTML table for notebooks; ``total`` says how many rows there are in all."""
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    more = f"<p>... {total - len(rows)} more</p>" if total > len(rows) else ""
    return f"<p><b>{escape(title)}</b></p><table><tr>{cells}</tr>{body}</table>{more}"


def _export(array: NDArray[Any], dtype: DTypeLike | None, copy: bool | None) -> NDArray[Any]:
    """Answer NumPy's ``__array__`` protocol."""
    out = np.asarray(array, dtype=dtype)
    if copy is False and out is not array:
        raise ValueError(f"a copy is needed to turn {array.dtype} into {out.dtype}")
    return out.copy() if copy and out is array else out


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Facial points.

    points: (n, k, 2) float32 ``x y``, pixels.  scheme: what each of the k points is.
    """

    points: F32
    scheme: Scheme

    def __post_init__(self) -> None:
        if self.scheme not in POINTS:
            raise ShapeError(f"scheme: wanted one of {', '.join(POINTS)}, found {self.scheme!r}")
        check(self.points, (None, POINTS[self.scheme], 2), dtype=np.float32, name="points")

    @classmethod
    def none(cls, scheme: Scheme) -> Landmarks:
        """Return the landmarks of no face."""
        return cls(np.zeros((0, POINTS[scheme], 2), np.float32), scheme)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: Rows) -> Landmarks:
        return Landmarks(self.points[rows], self.scheme)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return _export(self.points, dtype, copy)

    def __repr__(self) -> str:
        return f"Landmarks({len(self)} faces, {self.scheme})"

    def _repr_html_(self) -> str:
        rows = [
            [str(i), " ".join(f"({x:.0f}, {y:.0f})" for x, y in face[:5])]
            for i, face in enumerate(self.points[:10])
        ]
        return html_table(repr(self), ["face", "first points"], rows, len(self))


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Detections in one picture, best score first.

    boxes: (n, 4) float32 ``x0 y0 x1 y1``, pixels, right and bottom exclusive; may leave the
        picture.
    scores: (n,) float32, the detector's own unit; comparable within one detector only.
    labels: a name per face (for the HOG detector the pose its sub-detector was trained for),
        or None where the detector has none.
    sub: (n,) int64, index of the sub-detector that fired (dlib's ``weight_index``), or None.
    landmarks: points of detectors that find them themselves, or None.
    """

    boxes: F32
    scores: F32
    labels: tuple[str, ...] | None = None
    sub: I64 | None = None
    landmarks: Landmarks | None = None

    def __post_init__(self) -> None:
        check(self.scores, (None,), dtype=np.float32, name="scores")
        count = len(self.scores)
        check(self.boxes, (count, 4), dtype=np.float32, name="boxes")
        if self.labels is not None and len(self.labels) != count:
            raise ShapeError(f"labels: wanted {count} names, found {len(self.labels)}")
        if self.sub is not None:
            check(self.sub, (count,), dtype=np.int64, name="sub")
        if self.landmarks is not None and len(self.landmarks) != count:
            raise ShapeError(f"landmarks: wanted {count} faces, found {len(self.landmarks)}")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Rows) -> Faces:
        index = np.arange(len(self))[rows]
        return Faces(
            self.boxes[index],
            self.scores[index],
            None if self.labels is None else tuple(self.labels[i] for i in index),
            None if self.sub is None else self.sub[index],
            None if self.landmarks is None else self.landmarks[index],
        )

    @property
    def areas(self) -> F32:
        """(n,) float32, square pixels."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return sides[:, 0] * sides[:, 1]

    def __repr__(self) -> str:
        return f"Faces({len(self)} found)"

    def _repr_html_(self) -> str:
        labels = self.labels or ("",) * len(self)
        rows = [
            [str(i), " ".join(f"{side:.0f}" for side in box), f"{score:.3f}", label]
            for i, (box, score, label) in enumerate(
                zip(self.boxes[:10], self.scores[:10], labels[:10], strict=True)
            )
        ]
        return html_table(repr(self), ["face", "x0 y0 x1 y1", "score", "label"], rows, len(self))


@dataclass(frozen=True, slots=True, eq=False)
class Descriptors:
    """Face descriptors; close vectors mean the same person.

    vectors: (n, d) float32, **not** normalised unless the model does it.
    space: names what may be compared: weights hash, chip and precision.
    metric: how distance is measured.
    threshold: two faces closer than this are called the same person by the model's authors.
    """

    vectors: F32
    space: str
    metric: Metric = "euclidean"
    threshold: float = 0.6

    def __post_init__(self) -> None:
        check(self.vectors, (None, None), dtype=np.float32, name="vectors")
        finite(self.vectors, name="vectors")

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: Rows) -> Descriptors:
        return Descriptors(self.vectors[rows], self.space, self.metric, self.threshold)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return _export(self.vectors, dtype, copy)

    def distances(self, other: Descriptors) -> F64:
        """Return (n, m) float64 distances to every row of ``other``.

        Differences are taken in float64, as dlib's Python module does.  Raises SpaceError when
        ``other`` comes from another model, chip or precision.
        """
        if other.space != self.space:
            raise SpaceError(
                f"descriptors of different spaces cannot be compared: {self.space} and "
                f"{other.space}; describe both sides with one model"
            )
        mine, theirs = self.vectors.astype(np.float64), other.vectors.astype(np.float64)
        if self.metric == "cosine":
            lengths = np.linalg.norm(mine, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)
            return np.asarray(1.0 - mine @ theirs.T / lengths, np.float64)
        rows = [np.sqrt(((theirs - row) ** 2).sum(axis=1)) for row in mine]
        return np.array(rows, np.float64).reshape(len(self), len(other))

    def __repr__(self) -> str:
        return f"Descriptors({len(self)} x {self.vectors.shape[1]}, {self.space})"

    def _repr_html_(self) -> str:
        rows = [
            [str(i), " ".join(f"{part:.3f}" for part in row[:8]) + " ..."]
            for i, row in enumerate(self.vectors[:10])
        ]
        return html_table(repr(self), ["face", "vector"], rows, len(self))


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer to "is this the same person?".

    same: True, False, or None where a picture has no face (``reason`` says which).
    distance: between the two descriptors; None without two faces.
    threshold: below it two faces count as one person.
    reason: a sentence for people.
    warnings: what to know about the answer, such as a picture with several faces.
    log_ratio: natural logarithm of how much more probable the distance is if they are the same
        person than if they are not; None without a calibration.
    probability, prior: that they are the same person, and how probable that was before; None
        unless a prior was given.
    """

    same: bool | None
    distance: float | None
    threshold: float
    reason: str
    warnings: tuple[str, ...] = ()
    log_ratio: float | None = None
    probability: float | None = None
    prior: float | None = None

    def __bool__(self) -> bool:
        raise TypeError("a Verification is not a truth value: ask .same, which may be None")

    def _repr_html_(self) -> str:
        rows = [[str(self.same), "" if self.distance is None else f"{self.distance:.4f}"]]
        return html_table(self.reason, ["same", "distance"], rows, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A cascade of regression trees that moves a mean shape onto a face (dlib shape_predictor).

    With C cascades of T trees, S splits and S + 1 leaves a tree, F pixels and P points:

    initial: (P, 2) float32, the mean shape in box units.
    anchors: (C, F) int32, the point each pixel is placed from.
    deltas: (C, F, 2) float32, where from that point, box units.
    splits: (C, T, S, 2) int32, the two pixels a split compares.
    thresholds: (C, T, S) float32; the left child is taken where first - second is above it.
    leaves: (C, T, S + 1, P, 2) float32, what the tree adds to the shape.

    Trees are complete and stored as heaps: the children of split i are 2i + 1 and 2i + 2.
    Source: Kazemi and Sullivan 2014; dlib ``shape_predictor.h``.
    """

    initial: F32
    anchors: NDArray[np.int32]
    deltas: F32
    splits: NDArray[np.int32]
    thresholds: F32
    leaves: F32

    def __post_init__(self) -> None:
        check(self.initial, (None, 2), dtype=np.float32, name="initial")
        check(self.splits, (None, None, None, 2), dtype=np.int32, name="splits")
        cascades, trees, splits, _ = self.splits.shape
        points = len(self.initial)
        check(self.anchors, (cascades, None), dtype=np.int32, name="anchors")
        pixels = self.anchors.shape[1]
        check(self.deltas, (cascades, pixels, 2), dtype=np.float32, name="deltas")
        check(self.thresholds, (cascades, trees, splits), dtype=np.float32, name="thresholds")
        shape = (cascades, trees, splits + 1, points, 2)
        check(self.leaves, shape, dtype=np.float32, name="leaves")

    @property
    def points(self) -> int:
        """How many landmarks it finds."""
        return len(self.initial)


@dataclass(frozen=True, slots=True, eq=False)
class FhogDetector:
    """Linear filters over Felzenszwalb HOG features (dlib object_detector).

    cell, padding: HOG cell side and filter padding.
    window: (width, height) of the object at level 0, pixels.
    max_levels, min_layer: how far the image pyramid goes: at most this many levels, and none
        smaller than (width, height).
    nms: two boxes are one object when the intersection covers more than nms[0] of the box
        around both, or more than nms[1] of either.
    filters: (d, 31, rows, columns) float64, one bank per sub-detector.
    thresholds: (d,) float64, subtracted from the filter's answer.
    nuclear_norm: strength of the trainer's regulariser; detection makes no use of it.
    """

    cell: int
    padding: int
    window: tuple[int, int]
    max_levels: int
    min_layer: tuple[int, int]
    nms: tuple[float, float]
    filters: F64
    thresholds: F64
    nuclear_norm: float = 0.0

    def __post_init__(self) -> None:
        check(self.filters, (None, 31, None, None), dtype=np.float64, name="filters")
        check(self.thresholds, (len(self.filters),), dtype=np.float64, name="thresholds")


@dataclass(frozen=True, slots=True)
class MmodWindow:
    """A box that a max-margin object detector slides: its size in pixels, and what it finds."""

    width: int
    height: int
    label: str


@dataclass(frozen=True, slots=True)
class MmodOptions:
    """The options of a max-margin object detector, as its file has them.

    costs: of a false alarm and of a miss in training, and the overlap that counts as found.
    nms, ignore: (overlap, cover) above which two boxes are one object, or a box is ignored.
    pyramid: whether the input is a pyramid.  regression: whether boxes are refined by the net.
    Source: dlib ``loss_abstract.h``, mmod_options.
    """

    version: int
    windows: tuple[MmodWindow, ...]
    costs: tuple[float, float, float]
    nms: tuple[float, float]
    ignore: tuple[float, float]
    pyramid: bool
    regression: bool
    regression_weight: float
