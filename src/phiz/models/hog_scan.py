"""HOG filters on one level of a picture's pyramid, as dlib runs them.

Source: dlib ``scan_fhog_pyramid.h``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phiz.checks import F32, F64, I64, U8
from phiz.geometry import lround
from phiz.kernels.fhog import BINS, PLANES, features, histogram
from phiz.kernels.scan import scan
from phiz.runtime import Runtime
from phiz.values import FhogDetector

__all__ = ["Frame", "Hits", "HogBank", "factor", "join", "score_level"]

_TAPS = 5  # filters are padded to a multiple of this, as the kernel wants


@dataclass(frozen=True, slots=True)
class HogBank:
    """A detector with its filters as sums of outer products; see :func:`phiz.kernels.scan.scan`."""

    value: FhogDetector
    plane: I64
    down: F32
    across: F32
    starts: I64


@dataclass(frozen=True, slots=True)
class Frame:
    """How filters lie over a level's features.

    rows, columns: of the largest filters: the border around the features is as wide as they
    need.  cell: by which places among the features become places in the picture.
    """

    rows: int
    columns: int
    cell: int

    @classmethod
    def around(cls, banks: Sequence[HogBank]) -> Frame:
        """Return the frame of detectors that share features; dlib takes the first one's cells."""
        rows = max(bank.value.filters.shape[2] for bank in banks)
        columns = max(bank.value.filters.shape[3] for bank in banks)
        return cls(rows, columns, banks[0].value.cell)


@dataclass(frozen=True, slots=True)
class Hits:
    """Windows above the threshold: level 0 boxes, scores, sub-detectors."""

    rectangles: I64
    scores: F64
    sub: I64


_NO_HITS = Hits(np.zeros((0, 4), np.int64), np.zeros(0), np.zeros(0, np.int64))


def join(hits: Sequence[Hits]) -> Hits:
    """Return all hits of several levels, in their order."""
    return Hits(
        np.concatenate([level.rectangles for level in hits]),
        np.concatenate([level.scores for level in hits]),
        np.concatenate([level.sub for level in hits]),
    )


def _pad_taps(taps: F64) -> F32:
    extra = -taps.shape[1] % _TAPS
    return np.pad(taps, ((0, 0), (0, extra))).astype(np.float32)


def factor(value: FhogDetector) -> HogBank:
    """Split a detector's filters into outer products by singular values.

    dlib leaves out small singular values where the separable filters are the cheaper ones, so
    the same are left out here.  Source: dlib ``scan_fhog_pyramid.h``, build_fhog_filterbank.
    """
    count, planes, rows, columns = value.filters.shape
    u, strength, v = np.linalg.svd(value.filters)
    least = np.maximum(1e-4, strength.max(axis=2) * 0.001)[:, :, None]
    keep = strength > least
    separable = keep.sum(axis=(1, 2)) <= planes * min(rows, columns) / 3.0
    keep |= (~separable[:, None, None]) & (strength > 0)
    k, plane, j = np.nonzero(keep)
    root = np.sqrt(strength[k, plane, j])[:, None]
    return HogBank(
        value,
        plane=plane.astype(np.int64),
        down=_pad_taps(u[k, plane, :, j] * root),
        across=_pad_taps(v[k, plane, j, :] * root),
        starts=np.searchsorted(k, np.arange(count + 1)).astype(np.int64),
    )


def score_level(
    runtime: Runtime,
    planes: U8,
    level: int,
    banks: Sequence[HogBank],
    frame: Frame,
    adjust: float,
) -> list[Hits]:
    """Find the windows of one level that reach the threshold; per detector.

    planes: (1 or 3, rows, columns) uint8.  banks: detectors with cells of one size.
    adjust: added to their thresholds.
    """
    _, height, width = planes.shape
    cell = banks[0].value.cell
    rows, columns = _cells(height, cell), _cells(width, cell)
    if rows <= 2 or columns <= 2:
        return [_NO_HITS] * len(banks)
    # A filter's answer is wanted wherever the largest one's centre would be on a feature.
    tall = [rows - 2 + frame.rows - bank.value.filters.shape[2] for bank in banks]
    wide = [columns - 2 + frame.columns - bank.value.filters.shape[3] for bank in banks]
    mapped = (
        max(count + bank.down.shape[1] for count, bank in zip(tall, banks, strict=True)) - 1,
        max(count + bank.across.shape[1] for count, bank in zip(wide, banks, strict=True)) - 1,
    )
    answers = [
        ((len(bank.value.filters), mapped[0] - bank.down.shape[1] + 1, mapped[1]), np.float32)
        for bank in banks
    ]
    needed = [
        ((rows + 2, (columns + 2) * BINS), np.float32),
        ((PLANES, *mapped), np.float32),
        *answers,
    ]
    found = []
    with runtime.scratch(needed) as (hist, maps, *scores):
        hist[:] = 0
        histogram(planes, cell, hist)
        maps[:] = 0
        features(hist, maps, (frame.rows - 1) // 2, (frame.columns - 1) // 2)
        for bank, answer, down, across in zip(banks, scores, tall, wide, strict=True):
            scan(maps, bank.plane, bank.down, bank.across, bank.starts, answer)
            valid, limits = answer[:, :down, :across], bank.value.thresholds
            above = valid >= (limits + adjust)[:, None, None]
            if not above.any():  # most levels of most pictures
                found.append(_NO_HITS)
                continue
            sub, top, left = np.nonzero(above)
            confidence = valid[sub, top, left].astype(np.float64) - limits[sub]
            rectangles = _to_picture(left, top, bank.value, frame, level)
            found.append(Hits(rectangles, confidence, sub.astype(np.int64)))
    return found


def _cells(side: int, cell: int) -> int:
    """Return how many cells dlib lays over a side."""
    return int(np.float32(side) / np.float32(cell) + np.float32(0.5))


def _to_picture(left: I64, top: I64, detector: FhogDetector, frame: Frame, level: int) -> I64:
    """Map filter positions in a level's feature map to inclusive rectangles in level 0.

    Source: dlib ``fhog.h`` (fhog_to_image) and ``image_pyramid.h`` (rect_up, pyramid_down<6>).
    """
    tall, wide = detector.filters.shape[2:]
    corners = []
    for first, size, pad in ((left, wide, frame.columns), (top, tall, frame.rows)):
        inner = size - 2 * detector.padding
        low = first + size // 2 - inner // 2
        for place in (low, low + inner - 1):
            at = (place + 1 - (pad - 1) // 2) * frame.cell + 1
            half = frame.cell // 2
            corners.append(np.where(at >= 0, at + half, at - half).astype(np.float64))
    x0, x1, y0, y1 = corners
    rectangles = np.stack([x0, y0, x1, y1], axis=1)
    for _ in range(level):  # pyramid_down<6>::point_up
        rectangles = rectangles * (6 / 5.0) + 0.3
    return lround(rectangles)
