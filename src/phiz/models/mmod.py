"""Max-margin object detectors: dlib's networks that find faces, dogs and vehicles."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, F64, I64, U8
from phiz.errors import OptionError, ShapeError
from phiz.geometry import doubled_sizes, from_inclusive, greedy_nms, halved, lround
from phiz.kernels.canvas import fill_plane
from phiz.kernels.pyramid import planes_of, resize_planes
from phiz.models.canvas_layout import (
    CanvasLayout,
    Step,
    map_size,
    map_to_canvas,
    place_levels,
    tiles,
)
from phiz.models.detector import BatchDetector
from phiz.models.landmarks import ForestLandmarker
from phiz.runtime import Runtime
from phiz.values import Faces, Forest, MmodOptions

__all__ = ["CnnOptions", "MmodDetector"]

_MOST_PIXELS = 2**27  # of an upsampled picture; its canvas takes about 6 GB
_MOST_AT_ONCE = 3 * 2**20  # canvas pixels that the network is run on at once
_TILE = 1536  # canvas rows and columns that a tile of a larger canvas decides about


@dataclass(frozen=True, slots=True)
class CnnOptions:
    """How a max-margin detector searches.

    upsample: how many times the picture is doubled first.  At 0 the smallest face found is about
        80 pixels wide, at 1 about 40; each step costs four times the time and memory.
    threshold: detections score above it; below 0 finds more and is wrong more often.
    """

    upsample: int = 0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.upsample, (int, np.integer)) or not 0 <= self.upsample <= 8:
            raise OptionError(f"upsample: wanted a whole number 0 to 8, found {self.upsample!r}")
        if not np.isfinite(self.threshold):
            raise OptionError(f"threshold: wanted a finite number, found {self.threshold!r}")


class MmodDetector(BatchDetector[CnnOptions]):
    """Finds objects with dlib's max-margin networks; threads may share one.

    Boxes and their order are those of dlib 20; scores agree within 1e-5 (sums are taken in
    another order).  A batch gives exactly the results of its single runs.  Pictures less than 10
    pixels wide, on which dlib crashes, are found empty; below 30 x 15 pixels levels overlap on
    the canvas, and scores may differ from dlib's.

    ``sub`` is the index of the window that fired, ``labels`` its name (None where windows have
    none).  Gray pictures are searched as gray RGB ones.

    Memory: the canvas of a picture and its smaller copies takes about 47 bytes per pixel of the
    (upsampled) picture.  The network runs on at most 3 megapixels of canvas at once, and on
    overlapping tiles of a larger one, which gives the same numbers, so that a picture of 20
    megapixels takes about 1 GB in all.
    """

    def __init__(
        self,
        session: Session,
        *,
        net: MmodOptions,
        mean: tuple[float, float, float],
        padding: int,
        outer_padding: int,
        steps: tuple[Step, ...],
        forest: Forest | None = None,
        refine: bool = False,
        pictures: tuple[U8, ...] = (),
        name: str,
        identity: str,
        runtime: Runtime,
        options: CnnOptions | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> None:
        """Make a detector.

        session: its input ``canvas`` is (1, 3, rows, columns) float32, its one output
            (1, windows, rows, columns), or five times the windows with box regression.
        net, mean (RGB, 0..255), padding, outer_padding: what the weight file says.
        steps: see :func:`phiz.models.canvas_layout.output_to_input`.
        forest, refine: with ``refine`` a box becomes the one around the forest's points.
        pictures: (h, w, 4) uint8, what else the file holds; kept, with ``forest``, for callers.
        labels: a name per window; by default the file's.
        """
        if refine and forest is None:
            raise ShapeError(f"{name}: wanted a forest to refine boxes with, found none")
        names = tuple(window.label for window in net.windows) if labels is None else labels
        if len(names) != len(net.windows):
            raise ShapeError(f"{name}: wanted {len(net.windows)} labels, found {len(names)}")
        self.name = name
        self.identity = identity
        self.options = options or CnnOptions()
        self.labels = names if any(names) else None
        self.forest = forest
        self.pictures = pictures
        self._session = session
        self._net = net
        self._mean = mean
        self._padding = padding
        self._outer_padding = outer_padding
        self._steps = steps
        self._runtime = runtime
        self._corners = (
            ForestLandmarker(
                forest, name=name, identity=identity, scheme="corners-4", runtime=runtime
            )
            if refine and forest is not None
            else None
        )

    def unrefined(self) -> MmodDetector:
        """Return a detector that leaves boxes as the network finds them."""
        other = copy(self)
        other._corners = None
        return other

    def _chosen(self, upsample: int | None, threshold: float | None) -> CnnOptions:
        options = self.options
        if upsample is not None:
            options = replace(options, upsample=upsample)
        if threshold is not None:
            options = replace(options, threshold=threshold)
        return options

    def _find_all(self, pictures: list[U8], options: CnnOptions) -> list[Faces]:
        # One after the other: the network uses every thread for each.
        return [self._find(picture, options) for picture in pictures]

    def _find(self, image: U8, options: CnnOptions) -> Faces:
        sizes = doubled_sizes(image.shape[0], image.shape[1], options.upsample)
        height, width = sizes[-1]
        if height * width > _MOST_PIXELS:
            raise OptionError(
                f"a picture of {width} x {height} pixels after upsample={options.upsample}: "
                f"wanted at most {_MOST_PIXELS}"
            )
        layout = place_levels(
            height, width, padding=self._padding, outer_padding=self._outer_padding
        )
        tall, wide = map_size(self._steps, layout.rows, layout.columns)
        if len(layout.levels) == 0 or tall == 0 or wide == 0:
            return self._faces(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.int64))
        with self._runtime.admitted():
            scores = self._score(image, sizes, layout, (tall, wide))
        boxes, confidence, sub = self._decode(scores, layout, options.threshold)
        boxes = halved(boxes, options.upsample)
        if self._corners is not None and len(boxes):
            points = self._corners.place(image, lround(boxes)).points
            boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        return self._faces(boxes, confidence, sub)

    def _faces(self, boxes: F64 | F32, scores: F32, sub: I64) -> Faces:
        labels = None if self.labels is None else tuple(self.labels[i] for i in sub)
        return Faces(from_inclusive(lround(boxes)), scores, labels=labels, sub=sub)

    def _score(
        self, image: U8, sizes: list[tuple[int, int]], layout: CanvasLayout, size: tuple[int, int]
    ) -> F32:
        """Return the network's output (k, rows, columns) for a picture."""
        shapes = [((3, rows, columns), np.uint8) for rows, columns in sizes]
        area = (layout.rows, layout.columns)
        with self._runtime.scratch([((1, 3, *area), np.float32)]) as (canvas,):
            with self._runtime.scratch(shapes) as planes:
                self._draw(image, planes, layout, canvas[0])
            if area[0] * area[1] <= _MOST_AT_ONCE:
                return self._run(canvas)
            whole: F32 | None = None
            for tile in tiles(self._steps, *area, _TILE):
                part = self._run(np.ascontiguousarray(canvas[:, :, tile.canvas[0], tile.canvas[1]]))
                if whole is None:
                    whole = np.empty((len(part), *size), np.float32)
                whole[:, tile.whole[0], tile.whole[1]] = part[:, tile.part[0], tile.part[1]]
        assert whole is not None
        return whole

    def _draw(self, image: U8, planes: list[U8], layout: CanvasLayout, canvas: F32) -> None:
        """Fill the canvas with the picture, upsampled as far as there are planes for it."""

        def enlarge() -> None:
            planes_of(image, planes[0])
            for source, target in pairwise(planes):
                resize_planes(source, target)

        def fill(channel: int) -> None:
            fill_plane(planes[-1], channel, self._mean[channel], layout.levels, canvas[channel])

        self._runtime.run(enlarge)
        self._runtime.map(fill, range(3))

    def _run(self, canvas: F32) -> F32:
        feeds: dict[str, Any] = {"canvas": canvas}
        (values,) = self._session.run(feeds).values()
        windows = len(self._net.windows)
        wanted = 5 * windows if self._net.regression else windows
        if values.shape[1] != wanted:
            raise ShapeError(f"{self.name}: wanted {wanted} planes, found {values.shape[1]}")
        scores: F32 = values[0]
        return scores

    def _decode(self, scores: F32, layout: CanvasLayout, threshold: float) -> tuple[F64, F32, I64]:
        """Turn the score map into boxes of the searched picture, best first, duplicates dropped.

        Source: dlib ``loss.h``, loss_mmod_::tensor_to_dets and to_label.
        """
        windows = self._net.windows
        wide = scores[: len(windows)].astype(np.float64)
        sub, row, column = (np.asarray(at, np.int64) for at in np.nonzero(wide > threshold))
        order = np.argsort(-wide[sub, row, column], kind="stable")  # ties stay in dlib's order
        sub, row, column = sub[order], row[order], column[order]
        centres = map_to_canvas(self._steps, row, column)
        sides = np.array([(window.width, window.height) for window in windows], np.float64)
        half = (sides[sub] - 1) / 2
        boxes = layout.to_picture(centres, np.concatenate([centres - half, centres + half], axis=1))
        if self._net.regression:
            planes = scores[len(windows) :].reshape(len(windows), 4, *scores.shape[1:])
            boxes = _regress(boxes, planes[sub, :, row, column].astype(np.float64))
        rounded = lround(boxes)
        kept = greedy_nms(rounded, *self._net.nms)
        return (
            rounded[kept].astype(np.float64),
            scores[sub[kept], row[kept], column[kept]],
            sub[kept],
        )


def _regress(boxes: F64, moves: F64) -> F64:
    """Move and scale boxes (n, 4) by the network's (n, 4) dx, dy, log width, log height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    moved = boxes + np.tile(moves[:, :2] * sides, 2)
    middle = (moved[:, :2] + moved[:, 2:]) / 2
    half = sides * np.exp(moves[:, 2:]) / 2
    return np.concatenate([middle - half, middle + half], axis=1)
