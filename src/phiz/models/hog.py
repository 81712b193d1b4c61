"""HOG detectors: dlib's frontal face detector and any other trained with its scan_fhog_pyramid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from phiz.checks import F32, F64, I64, U8
from phiz.errors import OptionError
from phiz.geometry import doubled_sizes, from_inclusive, greedy_nms, halved, lround
from phiz.kernels.fhog import BINS, PLANES, features, histogram
from phiz.kernels.pyramid import planes_of, resize_planes
from phiz.kernels.scan import scan
from phiz.models.box_styles import BoxStyle
from phiz.models.detector import BatchDetector
from phiz.runtime import Runtime
from phiz.values import Faces, FhogDetector

__all__ = ["HogDetector", "HogOptions"]

_MOST_PIXELS = 2**30  # of an upsampled picture
_TAPS = 5  # filters are padded to a multiple of this, as the kernel wants


@dataclass(frozen=True, slots=True)
class HogOptions:
    """How a HOG detector searches.

    upsample: how many times the picture is doubled first.  At 0 the smallest face found is about
        80 pixels wide, at 1 about 40; each step costs four times the time.
    threshold: added to the detector's own; below 0 finds more and is wrong more often.
    """

    upsample: int = 0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.upsample, (int, np.integer)) or not 0 <= self.upsample <= 8:
            raise OptionError(f"upsample: wanted a whole number 0 to 8, found {self.upsample!r}")
        if not np.isfinite(self.threshold):
            raise OptionError(f"threshold: wanted a finite number, found {self.threshold!r}")


@dataclass(frozen=True, slots=True)
class _Bank:
    """Filters as sums of outer products; see :func:`phiz.kernels.scan.scan`."""

    plane: I64
    down: F32
    across: F32
    starts: I64


def _pad_taps(taps: F64) -> F32:
    extra = -taps.shape[1] % _TAPS
    return np.pad(taps, ((0, 0), (0, extra))).astype(np.float32)


def _factor(filters: F64) -> _Bank:
    """Split filters (k, 31, rows, columns) into outer products by singular values.

    dlib leaves out small singular values where the separable filters are the cheaper ones, so
    the same are left out here.  Source: dlib ``scan_fhog_pyramid.h``, build_fhog_filterbank.
    """
    count, planes, rows, columns = filters.shape
    u, strength, v = np.linalg.svd(filters)
    least = np.maximum(1e-4, strength.max(axis=2) * 0.001)[:, :, None]
    keep = strength > least
    separable = keep.sum(axis=(1, 2)) <= planes * min(rows, columns) / 3.0
    keep |= (~separable[:, None, None]) & (strength > 0)
    k, plane, j = np.nonzero(keep)
    root = np.sqrt(strength[k, plane, j])[:, None]
    return _Bank(
        plane=plane.astype(np.int64),
        down=_pad_taps(u[k, plane, :, j] * root),
        across=_pad_taps(v[k, plane, j, :] * root),
        starts=np.searchsorted(k, np.arange(count + 1)).astype(np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    """Windows above the threshold in one pyramid level: level 0 boxes, scores, sub-detectors."""

    rectangles: I64
    scores: F64
    sub: I64


class HogDetector(BatchDetector[HogOptions]):
    """Finds faces with dlib's HOG detectors; threads may share one.

    Boxes, their order and the sub-detector are dlib's; scores agree within 1e-4 (typically 2e-6:
    sums are taken in another order).  A one-channel array is searched as dlib searches a grayscale
    picture.  ``labels`` of the faces is the pose of the sub-detector, ``sub`` its index.
    """

    _gray = True
    box_style: BoxStyle = "dlib-hog"

    def __init__(
        self,
        detector: FhogDetector,
        *,
        name: str,
        identity: str,
        runtime: Runtime,
        options: HogOptions | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> None:
        self.name = name
        self.identity = identity
        self.options = options or HogOptions()
        self.labels = labels
        self._detector = detector
        self._runtime = runtime
        self._bank = _factor(detector.filters)

    def _chosen(self, upsample: int | None, threshold: float | None) -> HogOptions:
        options = self.options
        if upsample is not None:
            options = replace(options, upsample=upsample)
        if threshold is not None:
            options = replace(options, threshold=threshold)
        return options

    def _find_all(self, pictures: list[U8], options: HogOptions) -> list[Faces]:
        if len(pictures) == 1:
            return [self._find(pictures[0], options)]
        return self._runtime.map(lambda picture: self._find(picture, options), pictures)

    def _find(self, image: U8, options: HogOptions) -> Faces:
        channels = 1 if image.ndim == 2 else 3
        first = doubled_sizes(image.shape[0], image.shape[1], options.upsample)
        height, width = first[-1]
        if height * width > _MOST_PIXELS:
            raise OptionError(
                f"upsample: {options.upsample} makes a picture of {width} x {height} pixels, "
                f"more than {_MOST_PIXELS}"
            )
        sizes = [*first, *_level_sizes(height, width, self._detector)[1:]]
        shapes = [((channels, rows, columns), np.uint8) for rows, columns in sizes]
        with self._runtime.admitted(), self._runtime.scratch(shapes) as planes:
            levels = planes[options.upsample :]
            self._runtime.run(lambda: _fill_level_zero(image, planes[: options.upsample + 1]))
            return self._gather(self._search(levels, options.threshold), options.upsample)

    def _search(self, levels: list[U8], adjust: float) -> list[_Hits]:
        """Score the pyramid's levels side by side, while the smaller ones are being made."""

        def work(number: int) -> Callable[[None], _Hits]:
            return lambda _: self._score(levels[number], number, adjust)

        submit = self._runtime.submit
        first = submit(work(0), None)
        submit(_fill_smaller, levels).result()
        others = [submit(work(number), None) for number in range(1, len(levels))]
        return [first.result(), *(other.result() for other in others)]

    def _score(self, planes: U8, level: int, adjust: float) -> _Hits:
        """Find the windows of one level that reach the threshold."""
        value, bank = self._detector, self._bank
        _, height, width = planes.shape
        rows, columns = _cells(height, value.cell), _cells(width, value.cell)
        if rows <= 2 or columns <= 2:
            return _Hits(np.zeros((0, 4), np.int64), np.zeros(0), np.zeros(0, np.int64))
        count, _, tall, wide = value.filters.shape
        # A filter's answer is wanted wherever its centre is on a feature.
        mapped = (rows - 3 + bank.down.shape[1], columns - 3 + bank.across.shape[1])
        needed = [
            ((rows + 2, (columns + 2) * BINS), np.float32),
            ((PLANES, *mapped), np.float32),
            ((count, rows - 2, mapped[1]), np.float32),
        ]
        with self._runtime.scratch(needed) as (hist, maps, scores):
            hist[:] = 0
            histogram(planes, value.cell, hist)
            maps[:] = 0
            features(hist, maps, (tall - 1) // 2, (wide - 1) // 2)
            scan(maps, bank.plane, bank.down, bank.across, bank.starts, scores)
            valid = scores[:, :, : columns - 2]
            sub, top, left = np.nonzero(valid >= (value.thresholds + adjust)[:, None, None])
            confidence = valid[sub, top, left].astype(np.float64) - value.thresholds[sub]
        rectangles = _to_picture(left, top, (tall, wide), value, level)
        return _Hits(rectangles, confidence, sub.astype(np.int64))

    def _gather(self, levels: list[_Hits], upsample: int) -> Faces:
        """Merge the levels' hits, suppress duplicates, and undo the upsampling."""
        rectangles = np.concatenate([hits.rectangles for hits in levels])
        scores = np.concatenate([hits.scores for hits in levels])
        sub = np.concatenate([hits.sub for hits in levels])
        order = np.lexsort((sub, -scores))  # stable: ties stay in dlib's order
        order = order[greedy_nms(rectangles[order], *self._detector.nms)]
        corners = halved(rectangles[order].astype(np.float64), upsample)
        sub = sub[order]
        return Faces(
            boxes=from_inclusive(lround(corners)),
            scores=scores[order].astype(np.float32),
            labels=None if self.labels is None else tuple(self.labels[i] for i in sub),
            sub=sub,
        )


def _fill_level_zero(image: U8, planes: list[U8]) -> None:
    """Split the picture into planes, and double it into each of the following ones."""
    planes_of(image.reshape(*image.shape[:2], -1), planes[0])
    for source, target in pairwise(planes):
        resize_planes(source, target)


def _fill_smaller(levels: list[U8]) -> None:
    """Make each level of the pyramid from the one above."""
    for source, target in pairwise(levels):
        resize_planes(source, target)


def _level_sizes(height: int, width: int, detector: FhogDetector) -> list[tuple[int, int]]:
    """Return (rows, columns) of every pyramid level.

    dlib counts levels on a rectangle that it shrinks and rounds step by step, and sizes the
    pictures by a different rule.  Source: dlib ``scan_fhog_pyramid.h``, create_fhog_pyramid.
    """
    sizes = [(height, width)]
    corners = np.array([0.0, 0.0, width - 1.0, height - 1.0])
    while len(sizes) < detector.max_levels:
        corners = lround((corners - 0.3) * (5.0 / 6)).astype(np.float64)
        left, top, right, bottom = corners
        if right - left + 1 < detector.min_layer[0] or bottom - top + 1 < detector.min_layer[1]:
            break
        rows, columns = sizes[-1]
        if min(rows, columns) < 2:
            break
        sizes.append((5 * rows // 6, 5 * columns // 6))
    return sizes


def _cells(side: int, cell: int) -> int:
    """Return how many cells dlib lays over a side."""
    return int(np.float32(side) / np.float32(cell) + np.float32(0.5))


def _to_picture(
    left: I64, top: I64, filter_size: tuple[int, int], detector: FhogDetector, level: int
) -> I64:
    """Map filter positions in a level's feature map to inclusive rectangles in level 0.

    Source: dlib ``fhog.h`` (fhog_to_image) and ``image_pyramid.h`` (rect_up, pyramid_down<6>).
    """
    tall, wide = filter_size
    corners = []
    for first, size, pad in ((left, wide, wide), (top, tall, tall)):
        inner = size - 2 * detector.padding
        low = first + size // 2 - inner // 2
        for place in (low, low + inner - 1):
            at = (place + 1 - (pad - 1) // 2) * detector.cell + 1
            half = detector.cell // 2
            corners.append(np.where(at >= 0, at + half, at - half).astype(np.float64))
    x0, x1, y0, y1 = corners
    rectangles = np.stack([x0, y0, x1, y1], axis=1)
    for _ in range(level):  # pyramid_down<6>::point_up
        rectangles = rectangles * (6 / 5.0) + 0.3
    return lround(rectangles)
