"""One face per picture, described: what an evaluation compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check, finite
from phiz.errors import OptionError, ShapeError
from phiz.evaluation.blocks import pair_distances
from phiz.facecache import FaceCache
from phiz.pipeline import Choice, Frame, Recipe, run
from phiz.runtime import Runtime
from phiz.values import Faces, Metric

__all__ = [
    "CENTRAL",
    "LFW_BOX",
    "PROMINENT",
    "DescribedFaces",
    "describe_pictures",
    "given_vectors",
]

LFW_BOX = (77.0, 89.0, 182.0, 190.0)
"""Median of each side of the HOG boxes of LFW, pictures of 250 x 250 pixels, ``x0 y0 x1 y1``.

Right and bottom exclusive.  Of the 4,992 pictures of LFW's development pairs 27 have no box.
"""

_LFW_SIDE = 250.0
_OFFSET = 2.0  # pixels of area for each squared pixel of distance


def _central(faces: Faces, width: int, height: int) -> Faces:
    if not len(faces):
        scale = np.array([width, height, width, height]) / _LFW_SIDE
        box = np.rint(np.array(LFW_BOX) * scale).astype(np.float32)
        return Faces(box[None], np.full(1, np.nan, np.float32))
    middles = (faces.boxes[:, :2].astype(np.float64) + faces.boxes[:, 2:]) / 2
    away = ((middles - np.array([width, height]) / 2) ** 2).sum(axis=1)
    return faces[[int(away.argmin())]]


def _prominent(faces: Faces, width: int, height: int) -> Faces:
    if not len(faces):
        return faces
    corners = faces.boxes.astype(np.float64)
    sides = corners[:, 2:] - corners[:, :2]
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    away = ((middles - np.array([width, height]) / 2) ** 2).sum(axis=1)
    return faces[[int((sides.prod(axis=1) - _OFFSET * away).argmax())]]


CENTRAL = Choice(f"central or {LFW_BOX} of {_LFW_SIDE}", _central)
"""The box whose middle is nearest to the picture's; where there is none LFW's, with score NaN."""

PROMINENT = Choice(f"area less {_OFFSET} squared distances", _prominent)
"""The largest box, where one far from the picture's middle counts as smaller; none of no faces.

The box's area less twice the squared distance between its middle and the picture's.  Source:
facenet's ``align_dataset_mtcnn.py``, which cut the faces that many models were trained on.
"""


@dataclass(frozen=True, slots=True, eq=False)
class DescribedFaces:
    """Vectors of pictures.

    model: whose they are.  vectors: (n, d) float32.  rows: (n,) int64, the picture of each.
    boxes: (n, 4) float32, or None.  fallback: how many had no box of their own.
    metric, threshold: how they are compared; None where nobody says below which distance two faces
    are one person.
    missing: pictures without a vector, and why.
    space: what else they may be compared with.
    """

    model: str
    vectors: F32
    rows: I64
    boxes: F32 | None
    fallback: int
    metric: Metric
    threshold: float | None
    missing: tuple[tuple[int, str], ...]
    space: str

    def only(self, chosen: NDArray[np.bool_]) -> DescribedFaces:
        """Return the faces of some of the pictures; chosen: (pictures,) bool."""
        kept = chosen[self.rows]
        boxes = None if self.boxes is None else self.boxes[kept]
        return replace(self, vectors=self.vectors[kept], rows=self.rows[kept], boxes=boxes)

    def place(self, pictures: int) -> I64:
        """Return the row of each picture's vector, (pictures,) int64, -1 where there is none."""
        out = np.full(pictures, -1, np.int64)
        out[self.rows] = np.arange(len(self.rows))
        return out

    def distances(self, sides: I64) -> tuple[F64, I64]:
        """Return the distances of pairs of pictures that have vectors, and which pairs these are.

        sides: (n, 2) int64, pictures.
        """
        place = self.place(int(max(sides.max(initial=-1), self.rows.max(initial=-1))) + 1)
        ends = place[sides]
        rows = np.flatnonzero((ends >= 0).all(axis=1))
        found = pair_distances(self.vectors, ends[rows, 0], ends[rows, 1], self.metric)
        return found, rows


def describe_pictures(
    paths: Sequence[Path],
    recipe: Recipe,
    *,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> DescribedFaces:
    """Describe one face of each picture.

    recipe: with a choice that takes one face at most, and a describer.
    cache: what was described before is not described again.  progress: called with 1 per picture.
    """
    if recipe.describer is None or recipe.choice is None:
        raise OptionError("an evaluation wants a describer and one face per picture")
    vectors, boxes, rows = [], [], []
    missing: list[tuple[int, str]] = []
    fallback = 0
    frames = (Frame(path, str(path)) for path in paths)
    for row, table in enumerate(run(frames, recipe, cache=cache, runtime=runtime)):
        progress(1)
        problem = table.pictures[0].error
        if problem is not None or not len(table):
            missing.append((row, problem or f"{paths[row]}: no face was found"))
            continue
        assert table.descriptors is not None
        vectors.append(table.descriptors[0])
        boxes.append(table.boxes[0])
        rows.append(row)
        fallback += bool(np.isnan(table.scores[0]))
    if not vectors:
        raise OptionError(f"no picture could be described; the first: {missing[0][1]}")
    describer = recipe.describer
    return DescribedFaces(
        describer.name,
        np.stack(vectors),
        np.array(rows, np.int64),
        np.stack(boxes),
        fallback,
        describer.metric,
        describer.threshold,
        tuple(missing),
        describer.space,
    )


def given_vectors(
    vectors_file: Path,
    names_file: Path,
    pictures: Sequence[str],
    *,
    metric: Metric,
    threshold: float | None,
) -> DescribedFaces:
    """Take vectors that something else made.

    vectors_file: ``.npy`` of floats (n, d).  names_file: n lines, the picture of each row, named as
    the list of pairs or the folder names it.  Raises OptionError and ShapeError.
    """
    vectors = _read_vectors(vectors_file)
    try:
        names = names_file.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OptionError(f"{names_file} @ byte {error.start}: wanted text in UTF-8") from error
    if len(names) != len(vectors):
        raise OptionError(
            f"{names_file}: wanted {len(vectors)} names, one for each row of {vectors_file}, "
            f"found {len(names)}"
        )
    known = {name.strip(): row for row, name in enumerate(names)}
    if len(known) != len(names):
        raise OptionError(f"{names_file}: wanted each name once")
    rows = [row for row, name in enumerate(pictures) if name in known]
    if not rows:
        raise OptionError(f"{names_file}: none of the pictures is named, such as {pictures[0]!r}")
    chosen = np.array([known[pictures[row]] for row in rows], np.int64)
    lacking = tuple(
        (row, f"{name}: not in {names_file}")
        for row, name in enumerate(pictures)
        if name not in known
    )
    return DescribedFaces(
        vectors_file.stem,
        np.ascontiguousarray(vectors[chosen]),
        np.array(rows, np.int64),
        None,
        0,
        metric,
        threshold,
        lacking,
        f"vectors of {vectors_file.stem}",
    )


def _read_vectors(path: Path) -> F32:
    try:
        # Mapped first: the header of a hostile file may promise more than the file has.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(mapped, np.ndarray) or not np.issubdtype(mapped.dtype, np.floating):
            raise OptionError(f"{path}: wanted an array of floats")
        vectors = np.array(mapped, np.float32)
    except (ValueError, EOFError) as error:
        raise OptionError(f"{path}: not a .npy file: {error}") from error
    try:
        check(vectors, (None, None), name="vectors")
        finite(vectors, name="vectors")
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from error
    return vectors
