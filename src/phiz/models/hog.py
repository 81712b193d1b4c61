"""HOG detectors: dlib's frontal face detector and any other trained with its scan_fhog_pyramid."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from phiz.checks import F32, F64, I64, U8
from phiz.errors import OptionError
from phiz.geometry import from_inclusive, greedy_nms, lround
from phiz.imaging import ImageLike
from phiz.kernels.fhog import BINS, PLANES, features, histogram
from phiz.kernels.pyramid import planes_of, resize_planes
from phiz.kernels.scan import scan
from phiz.models.batch import image_list
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


class HogDetector:
    """Finds faces with dlib's HOG detectors; threads may share one.

    Boxes, their order and the sub-detector are dlib's; scores agree within 1e-4 (typically 2e-6:
    sums are taken in another order).
    """

    device = "cpu"

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

    def __repr__(self) -> str:
        return f"HogDetector({self.name!r}, {self.options})"

    @overload
    def __call__(
        self, images: ImageLike, *, upsample: int | None = None, threshold: float | None = None
    ) -> Faces: ...

    @overload
    def __call__(
        self,
        images: list[ImageLike] | tuple[ImageLike, ...],
        *,
        upsample: int | None = None,
        threshold: float | None = None,
    ) -> list[Faces]: ...

    def __call__(
        self,
        images: ImageLike | list[ImageLike] | tuple[ImageLike, ...],
        *,
        upsample: int | None = None,
        threshold: float | None = None,
    ) -> Faces | list[Faces]:
        """Find faces in one picture, or in each of several of any sizes.

        images: see :func:`phiz.imaging.as_image`; a one-channel array is searched as dlib
            searches a grayscale picture.
        upsample, threshold: override :class:`HogOptions`.

        Returns Faces (a list of them for a batch), best score first; ``labels`` is the pose of
        the sub-detector, ``sub`` its index.  No face is an ordinary, empty result.
        """
        options = self.options
        if upsample is not None:
            options = replace(options, upsample=upsample)
        if threshold is not None:
            options = replace(options, threshold=threshold)
        pictures, batch = image_list(images, gray=True)
        if not batch:
            return self._find(pictures[0], options)
        return self._runtime.map(lambda picture: self._find(picture, options), pictures)

    def _find(self, image: U8, options: HogOptions) -> Faces:
        height, width = image.shape[:2]
        if height * width * 4**options.upsample > _MOST_PIXELS:
            raise OptionError(
                f"upsample: {options.upsample} makes {width} x {height} pixels larger than "
                f"{_MOST_PIXELS} pixels"
            )
        level_zero = self._runtime.submit(lambda times: _level_zero(image, times), options.upsample)
        levels = self._search(level_zero.result(), options.threshold)
        return self._gather(levels, options.upsample)

    def _search(self, planes: U8, adjust: float) -> list[_Hits]:
        """Score the pyramid's levels side by side, while the smaller ones are being made."""
        sizes = _level_sizes(planes.shape[1], planes.shape[2], self._detector)
        smaller: Future[list[U8]]

        def work(number: int, level: U8) -> Callable[[None], _Hits]:
            return lambda _: self._score(level, number, adjust)

        submit = self._runtime.submit
        first = submit(work(0, planes), None)
        smaller = submit(lambda rest: _shrink(planes, rest), sizes[1:])
        others = [
            submit(work(number, level), None)
            for number, level in enumerate(smaller.result(), start=1)
        ]
        return [first.result(), *(other.result() for other in others)]

    def _score(self, planes: U8, level: int, adjust: float) -> _Hits:
        """Find the windows of one level that reach the threshold."""
        value = self._detector
        _, height, width = planes.shape
        rows, columns = _cells(height, value.cell), _cells(width, value.cell)
        if rows <= 2 or columns <= 2:
            return _Hits(np.zeros((0, 4), np.int64), np.zeros(0), np.zeros(0, np.int64))
        hist = np.zeros((rows + 2, (columns + 2) * BINS), np.float32)
        histogram(planes, value.cell, hist)

        _, _, tall, wide = value.filters.shape
        padded_tall, padded_wide = self._bank.down.shape[1], self._bank.across.shape[1]
        maps = np.zeros((PLANES, rows - 3 + padded_tall, columns - 3 + padded_wide), np.float32)
        features(hist, maps, (tall - 1) // 2, (wide - 1) // 2)

        scores = np.empty((len(value.filters), rows - 2, maps.shape[2]), np.float32)
        bank = self._bank
        scan(maps, bank.plane, bank.down, bank.across, bank.starts, scores)
        valid = scores[:, :, : columns - 2]
        sub, top, left = np.nonzero(valid >= (value.thresholds + adjust)[:, None, None])
        rectangles = _to_picture(left, top, (tall, wide), value, level)
        confidence = valid[sub, top, left].astype(np.float64) - value.thresholds[sub]
        return _Hits(rectangles, confidence, sub.astype(np.int64))

    def _gather(self, levels: list[_Hits], upsample: int) -> Faces:
        """Merge the levels' hits, suppress duplicates, and undo the upsampling."""
        rectangles = np.concatenate([hits.rectangles for hits in levels])
        scores = np.concatenate([hits.scores for hits in levels])
        sub = np.concatenate([hits.sub for hits in levels])
        order = np.lexsort((sub, -scores))  # stable: ties stay in dlib's order
        order = order[greedy_nms(rectangles[order], *self._detector.nms)]
        corners = rectangles[order].astype(np.float64)
        for _ in range(upsample):  # pyramid_down<2>::point_down
            corners = corners / 2 - (1.25, 0.75, 1.25, 0.75)
        sub = sub[order]
        return Faces(
            boxes=from_inclusive(lround(corners)),
            scores=scores[order].astype(np.float32),
            labels=None if self.labels is None else tuple(self.labels[i] for i in sub),
            sub=sub,
        )


def _level_zero(image: U8, upsample: int) -> U8:
    """Return the picture as planes, doubled ``upsample`` times (pyramid_up)."""
    height, width = image.shape[:2]
    if image.ndim == 2:
        planes = image[None]
    else:
        planes = np.empty((3, height, width), np.uint8)
        planes_of(image, planes)
    for _ in range(upsample):
        height, width = planes.shape[1:]
        doubled = np.empty((len(planes), 2 * height + 1, 2 * width + 2), np.uint8)
        resize_planes(planes, doubled)
        planes = doubled
    return planes


def _shrink(planes: U8, sizes: list[tuple[int, int]]) -> list[U8]:
    """Return the pyramid below level 0; each level is made from the one above."""
    levels = []
    for rows, columns in sizes:
        level = np.empty((len(planes), rows, columns), np.uint8)
        resize_planes(planes, level)
        levels.append(level)
        planes = level
    return levels


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
