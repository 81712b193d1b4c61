"""Detectors side by side on the same pictures: what each finds, where they agree, how fast.

Nobody says here which boxes are right: two detectors that agree may both be wrong.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np

from phiz import store
from phiz.checks import F32, I64, U8
from phiz.errors import LicenceError, OptionError
from phiz.geometry import box_iou
from phiz.models.protocols import Detector, require_role
from phiz.zoo import ZOO

__all__ = [
    "OVERLAP",
    "Agreement",
    "DetectorComparison",
    "DetectorTally",
    "as_detector",
    "compare_detectors",
    "local_detectors",
    "match_boxes",
]

OVERLAP = 0.4
"""Intersection over union from which two boxes are the same face.

Detectors frame a face differently: from hairline to chin, or brow to chin.
"""


@dataclass(frozen=True, slots=True)
class DetectorTally:
    """What one detector found.

    faces: in all pictures.  pictures_with_faces: pictures with one or more.
    seconds: the median over pictures, decoding not counted; None where there was no picture.
    """

    name: str
    faces: int
    pictures_with_faces: int
    seconds: float | None

    @property
    def pictures_per_second(self) -> float | None:
        """Pictures a second, at the median picture."""
        return 1 / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two detectors found both, and each alone.

    matched: faces of one that have a face of the other to themselves; see :func:`match_boxes`.
    """

    one: str
    other: str
    matched: int
    only_one: int
    only_other: int

    @property
    def f1(self) -> float | None:
        """Fraction of both detectors' faces that are matched, 0 to 1; None where there is none.

        The same whichever of the two is called the truth: the harmonic mean of the fraction of
        one's faces that the other has and of the other's that the one has.
        """
        faces = 2 * self.matched + self.only_one + self.only_other
        return 2 * self.matched / faces if faces else None


@dataclass(frozen=True, slots=True)
class DetectorComparison:
    """What :func:`compare_detectors` found out.

    agreements: every pair of detectors once, in their order.
    overlap: from which two boxes are the same face.
    """

    pictures: int
    detectors: tuple[DetectorTally, ...]
    agreements: tuple[Agreement, ...]
    overlap: float

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "pictures": self.pictures,
            "overlap": self.overlap,
            "detectors": [
                {**asdict(tally), "pictures_per_second": tally.pictures_per_second}
                for tally in self.detectors
            ],
            "agreements": [{**asdict(pair), "f1": pair.f1} for pair in self.agreements],
        }


def local_detectors() -> list[str]:
    """Return the zoo's detectors of faces whose weights are here and whose licence is allowed."""
    names = []
    for entry in ZOO.values():
        if not entry.kind.endswith("-detector") or entry.finds != "face":
            continue
        try:
            store.allow_licence(entry)
        except LicenceError:
            continue
        if store.locate(entry) is not None:
            names.append(entry.name)
    return names


def as_detector(model: object) -> Detector:
    """Return the model if it is a detector; OptionError if it does something else."""
    require_role(model, "detector")
    return cast(Detector, model)


def match_boxes(one: F32, other: F32, *, overlap: float = OVERLAP) -> I64:
    """Pair as many boxes of two detectors as can be, one to one.

    one, other: (n, 4) and (m, 4) float32 ``x0 y0 x1 y1``.  A pair's intersection over union is
    ``overlap`` or more.  Returns (k, 2) int64: indices into ``one``, rising, and into ``other``.
    The number of pairs is the largest possible, whatever the order of the boxes.
    Source: Berge 1957, by breadth-first search for augmenting paths.
    """
    overlaps = box_iou(one, other)
    order = np.argsort(-overlaps, axis=1, kind="stable")
    near = [row[overlaps[i, row] >= overlap].tolist() for i, row in enumerate(order)]
    partner_of_one = [-1] * len(one)
    partner_of_other = [-1] * len(other)
    for start in range(len(one)):
        reached: dict[int, int] = {}  # a box of other, and the box of one it was reached from
        waiting = deque([start])
        while waiting:
            i = waiting.popleft()
            fresh = [j for j in near[i] if j not in reached]
            reached |= dict.fromkeys(fresh, i)
            free = next((j for j in fresh if partner_of_other[j] < 0), -1)
            if free >= 0:
                while free >= 0:  # each box on the way passes its partner on
                    i = reached[free]
                    partner_of_other[free], partner_of_one[i], free = i, free, partner_of_one[i]
                break
            waiting.extend(partner_of_other[j] for j in fresh)
    pairs = [(i, j) for i, j in enumerate(partner_of_one) if j >= 0]
    return np.array(pairs, np.int64).reshape(-1, 2)


def compare_detectors(
    detectors: Mapping[str, Detector],
    pictures: Iterable[U8],
    *,
    upsample: int | None = None,
    overlap: float = OVERLAP,
) -> DetectorComparison:
    """Run detectors over the same pictures, in turns, and compare what they find.

    detectors: by the names they go by in the result; two or more make pairs.
    pictures: (h, w, 3) uint8 RGB each; read one by one.
    upsample: overrides the detectors' own.
    overlap: intersection over union from which two boxes are the same face, above 0.

    Every detector sees the first picture once more before it is timed: kernels are compiled, and
    buffers made, on first use.
    """
    if not detectors:
        raise OptionError("detectors: wanted one or more, found none")
    if not 0 < overlap <= 1:
        raise OptionError(f"overlap: wanted a number above 0, at most 1, found {overlap}")
    found: dict[str, list[F32]] = {name: [] for name in detectors}
    seconds: dict[str, list[float]] = {name: [] for name in detectors}
    pairs = dict.fromkeys(combinations(detectors, 2), 0)
    count = 0
    for count, picture in enumerate(pictures, start=1):  # noqa: B007 - the last one is wanted
        for name, detector in detectors.items():
            if not seconds[name]:
                detector(picture, upsample=upsample)
            start = time.perf_counter()
            faces = detector(picture, upsample=upsample)
            seconds[name].append(time.perf_counter() - start)
            found[name].append(faces.boxes)
        for one, other in pairs:
            matched = match_boxes(found[one][-1], found[other][-1], overlap=overlap)
            pairs[one, other] += len(matched)
    totals = {name: sum(len(boxes) for boxes in every) for name, every in found.items()}
    tallies = tuple(
        DetectorTally(
            name,
            totals[name],
            sum(len(boxes) > 0 for boxes in found[name]),
            statistics.median(seconds[name]) if seconds[name] else None,
        )
        for name in detectors
    )
    agreements = tuple(
        Agreement(one, other, matched, totals[one] - matched, totals[other] - matched)
        for (one, other), matched in pairs.items()
    )
    return DetectorComparison(count, tallies, agreements, overlap)
