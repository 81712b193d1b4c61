"""MTCNN: three networks, each more certain than the one before, that find faces and five points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, F64, I64, U8
from phiz.errors import OptionError, ShapeError
from phiz.kernels.patches import fill_patches
from phiz.kernels.suppress import suppress
from phiz.kernels.tile import fill_tile
from phiz.models.detector import BatchDetector
from phiz.models.mtcnn_boxes import (
    Level,
    Tile,
    calibrate,
    cell_boxes,
    levels,
    patches,
    tiles,
)
from phiz.runtime import Runtime
from phiz.values import Faces, Landmarks

__all__ = ["MtcnnDetector", "MtcnnOptions"]

_MOST_PIXELS = 2**27  # of a level
_LARGEST = 1e300  # option
_MEAN, _SCALE = 127.5, 0.0078125
_NO_SCORES = np.zeros(0, np.float32)
_SAME_CELL, _SAME_FACE = 0.5, 0.7  # overlaps above which only the better of two boxes stays


def _whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _real(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return bool(-_LARGEST < value < _LARGEST)  # neither is true of NaN


@dataclass(frozen=True, slots=True)
class MtcnnOptions:
    """How MTCNN searches.

    min_face_size: of the smallest face that is looked for, in pixels; half of it costs four times
        the time.
    scale_factor: from one size that is looked for to the next, above 0 and below 1.
    max_num_scales: how many sizes at most.
    score_thresholds: of the three networks; faces score at least the first, above the others.
    scale_steps: scales of the picture to search at, instead of those that follow from the above;
        1 looks for faces of 12 pixels.
    original_landmarks: give a face the points that face-api.js 0.22.2 does.  It numbers the last
        network's candidates after having dropped some, and then takes points by these numbers from
        the list before that, so that some faces get the points of others.
    """

    min_face_size: float = 20
    scale_factor: float = 0.709
    max_num_scales: int = 10
    score_thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    scale_steps: tuple[float, ...] | None = None
    original_landmarks: bool = False

    def __post_init__(self) -> None:
        def check(fits: bool, name: str, want: str) -> None:
            if not fits:
                raise OptionError(f"{name}: wanted {want}, found {getattr(self, name)!r}")

        size, factor, steps = self.min_face_size, self.scale_factor, self.scale_steps
        check(_real(size) and size >= 1, "min_face_size", "a number of pixels from 1")
        check(_real(factor) and 0 < factor < 1, "scale_factor", "a number between 0 and 1")
        check(
            _whole(self.max_num_scales) and self.max_num_scales >= 1,
            "max_num_scales",
            "a whole number from 1",
        )
        for name in ("score_thresholds", "scale_steps"):
            value = getattr(self, name)
            if isinstance(value, (list, np.ndarray)):
                object.__setattr__(self, name, tuple(value))
        three = self.score_thresholds
        check(
            isinstance(three, tuple)
            and len(three) == 3
            and all(_real(each) and 0 <= each <= 1 for each in three),
            "score_thresholds",
            "three numbers from 0 to 1",
        )
        steps = self.scale_steps
        check(
            steps is None
            or (isinstance(steps, tuple) and all(_real(each) and 0 < each <= 12 for each in steps)),
            "scale_steps",
            "a tuple of numbers above 0 and up to 12, or None",
        )
        check(isinstance(self.original_landmarks, bool), "original_landmarks", "True or False")


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Cells that the P-Net takes for faces: scores (n,), where they are (n,), moves (n, 4)."""

    scores: F32
    column: I64
    row: I64
    regions: F32


@dataclass(frozen=True, slots=True)
class _Stage:
    """A network that looks at patches.

    side: of a patch, in pixels.  batch: patches at once.  outputs: what it says, and how many
    numbers each time.
    """

    session: Session
    side: int
    batch: int
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What a network says of a picture's candidates: boxes (n, 4), and (n, k) for each output."""

    boxes: F64
    said: tuple[F32, ...]

    def above(self, threshold: float) -> tuple[I64, F64, F32, F32]:
        """Return which candidates score above a threshold, their boxes, scores and moves."""
        scores, regions = self.said[0][:, 0], self.said[1]
        # In float64, as JavaScript compares.
        kept = np.flatnonzero(scores.astype(np.float64) > threshold)
        return kept, self.boxes[kept], scores[kept], regions[kept]


class MtcnnDetector(BatchDetector[MtcnnOptions]):
    """Finds faces and five points on each with MTCNN; threads may share one.

    Boxes are those of face-api.js 0.22.2 where its canvas resizes plainly (browsers differ, by a
    pixel or two); scores agree within 5e-5.  Points are of the scheme ``mtcnn-5``.  A batch gives
    exactly the results of its single runs.  Pictures with a side of at most 12 pixels at every
    scale are found empty.

    A call's ``threshold`` is used instead of the last of ``score_thresholds``; ``upsample`` is 0 or
    None: smaller faces are found with a smaller ``min_face_size``.

    Memory: levels of the pyramid are made and searched in tiles, so that a picture takes a few
    megabytes per thread and some bytes per cell that passes the first network.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        *,
        name: str,
        identity: str,
        runtime: Runtime,
        options: MtcnnOptions | None = None,
        batches: tuple[int, int] = (16, 4),
    ) -> None:
        """Make a detector.

        sessions: the P-, R- and O-Net of :func:`phiz.nets.faceapi_mtcnn.faceapi_mtcnn`, turned by
            ``exchange_axes`` and ``reverse_channels`` of :mod:`phiz.graph.input_passes`, so that
            they take RGB pixels with rows first.  The runtime's threads run them side by side:
            each wants one thread, and ``at_once`` of the runtime's.
        batches: patches that the R- and the O-Net are given at once.
        """
        if len(sessions) != 3:
            raise ShapeError(f"{name}: wanted 3 networks, found {len(sessions)}")
        self.name = name
        self.identity = identity
        self.options = options or MtcnnOptions()
        self._pnet, rnet, onet = sessions
        outputs = (("prob", 1), ("regions", 4), ("points", 10))
        self._rnet = _Stage(rnet, 24, batches[0], outputs[:2])
        self._onet = _Stage(onet, 48, batches[1], outputs)
        self._runtime = runtime

    def _chosen(self, upsample: int | None, threshold: float | None) -> MtcnnOptions:
        if upsample is not None and (not _whole(upsample) or upsample != 0):
            raise OptionError(
                f"upsample: MTCNN wants 0, found {upsample!r}; min_face_size says how small faces "
                "may be"
            )
        if threshold is None:
            return self.options
        if not _real(threshold) or not 0 <= threshold <= 1:
            raise OptionError(f"threshold: wanted a number from 0 to 1, found {threshold!r}")
        thresholds = (*self.options.score_thresholds[:2], threshold)
        return replace(self.options, score_thresholds=thresholds)

    def _find_all(self, pictures: list[U8], options: MtcnnOptions) -> list[Faces]:
        first, second, third = options.score_thresholds
        proposed = self._propose(pictures, options, first)
        refined = self._runtime.map(
            lambda judged: _refine(judged, second), self._judge(pictures, proposed, self._rnet)
        )
        return self._runtime.map(
            lambda judged: _finish(judged, third, as_original=options.original_landmarks),
            self._judge(pictures, refined, self._onet),
        )

    def _propose(self, pictures: list[U8], options: MtcnnOptions, threshold: float) -> list[F64]:
        """Return the boxes of each picture that the P-Net takes for faces."""
        searched = [_levels(picture, options) for picture in pictures]
        work = [
            (picture, level, tile)
            for picture, each in zip(pictures, searched, strict=True)
            for level in each
            for tile in tiles(level)
        ]
        cells = iter(self._runtime.map(lambda each: self._scan(*each, threshold), work))
        found = [
            [(level.scale, [next(cells) for _ in tiles(level)]) for level in each]
            for each in searched
        ]
        return self._runtime.map(_merge, found)

    def _scan(self, picture: U8, level: Level, tile: Tile, threshold: float) -> _Cells:
        """Run the P-Net on a tile and return the cells that reach the threshold."""
        pixels = np.empty((1, *tile.size, 3), np.float32)
        size = (level.rows, level.columns)
        fill_tile(picture, size, tile.first, _MEAN, _SCALE, pixels[0])
        feeds: dict[str, Any] = {"pixels": pixels}
        values = self._pnet.run(feeds)
        prob, regions = values["prob"].ravel(), values["regions"].reshape(4, -1)
        found = np.flatnonzero(prob.astype(np.float64) >= threshold)
        row, column = np.divmod(found, values["prob"].shape[3])
        return _Cells(prob[found], column + tile.column, row + tile.row, regions[:, found].T)

    def _judge(self, pictures: list[U8], boxes: list[F64], stage: _Stage) -> list[_Judged]:
        """Run a network on the boxes of all pictures; those that have no pixels are dropped."""
        cut = [
            patches(own, *picture.shape[:2]) for picture, own in zip(pictures, boxes, strict=True)
        ]
        counts = [len(own) for own, _ in cut]
        source = np.repeat(np.arange(len(cut)), counts)
        parts = np.concatenate([np.zeros((0, 4), np.int64), *(each for _, each in cut)])

        def run(first: int) -> list[F32]:
            few = slice(first, first + stage.batch)
            owners = source[few]
            pixels = np.empty((len(owners), stage.side, stage.side, 3), np.float32)
            for number in np.unique(owners):
                own = slice(*np.searchsorted(owners, (number, number + 1)))
                fill_patches(pictures[number], parts[few][own], _MEAN, _SCALE, pixels[own])
            feeds: dict[str, Any] = {"pixels": pixels}
            values = stage.session.run(feeds)
            return [values[name].reshape(-1, size) for name, size in stage.outputs]

        values = self._runtime.map(run, range(0, len(source), stage.batch))
        said = [
            np.concatenate([np.zeros((0, size), np.float32), *(each[number] for each in values)])
            for number, (_, size) in enumerate(stage.outputs)
        ]
        ends = np.cumsum(counts)
        return [
            _Judged(own, tuple(each[end - len(own) : end] for each in said))
            for (own, _), end in zip(cut, ends, strict=True)
        ]


def _levels(picture: U8, options: MtcnnOptions) -> list[Level]:
    height, width = picture.shape[:2]
    found = levels(
        height,
        width,
        smallest=options.min_face_size,
        factor=options.scale_factor,
        most=options.max_num_scales,
        steps=options.scale_steps,
    )
    for level in found:
        if level.rows * level.columns > _MOST_PIXELS:
            raise OptionError(
                f"a picture of {width} x {height} pixels at a scale of {level.scale:g}: wanted at "
                f"most {_MOST_PIXELS} pixels, found {level.columns} x {level.rows}"
            )
    return found


def _merge(found: list[tuple[float, list[_Cells]]]) -> F64:
    """Return the boxes that cells of all levels stand for, each face's only once, best first."""
    boxes, scores, regions = [np.zeros((0, 4))], [_NO_SCORES], [np.zeros((0, 4), np.float32)]
    for scale, parts in found:
        column, row, score, region = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("column", "row", "scores", "regions")
        )
        order = np.lexsort((row, column))  # as the original goes, which tells equal scores apart
        cells = cell_boxes(column[order], row[order], scale)
        kept = suppress(cells, score[order], _SAME_CELL)
        boxes.append(cells[kept])
        scores.append(score[order][kept])
        regions.append(region[order][kept])
    every = np.concatenate(boxes)
    kept = suppress(every, np.concatenate(scores), _SAME_FACE)
    return calibrate(every[kept], np.concatenate(regions)[kept])


def _refine(judged: _Judged, threshold: float) -> F64:
    """Return the boxes that the R-Net takes for faces, best first."""
    _, boxes, scores, regions = judged.above(threshold)
    kept = suppress(boxes, scores, _SAME_FACE)
    return calibrate(boxes[kept], regions[kept])


def _finish(judged: _Judged, threshold: float, *, as_original: bool) -> Faces:
    """Return the faces; ``as_original`` as :attr:`MtcnnOptions.original_landmarks`."""
    which, boxes, scores, regions = judged.above(threshold)
    boxes = calibrate(boxes, regions)
    sound = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (boxes[:, 2] > boxes[:, 0]))
    kept = sound[suppress(boxes[sound], scores[sound], _SAME_FACE, of_smaller=True)]
    boxes, sides = boxes[kept], boxes[kept, 2:] - boxes[kept, :2]
    parts = judged.said[2][kept if as_original else which[kept]].astype(np.float64)
    points = parts.reshape(-1, 2, 5).swapaxes(1, 2) * (sides + 1)[:, None] + boxes[:, None, :2]
    return Faces(
        boxes.astype(np.float32),
        scores[kept],
        landmarks=Landmarks(np.ascontiguousarray(points, np.float32), "mtcnn-5"),
    )
