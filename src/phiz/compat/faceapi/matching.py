"""Who is it: descriptors under labels, and the label that is nearest.

Source: face-api.js 0.22.2, ``FaceMatcher``, ``LabeledFaceDescriptors``, ``FaceMatch``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from phiz.checks import F32, F64, check, floats
from phiz.compat.faceapi.boxes import is_number, round_down
from phiz.compat.faceapi.results import FaceResult
from phiz.errors import OptionError, ShapeError

__all__ = ["FaceMatch", "FaceMatcher", "LabeledFaceDescriptors", "euclidean_distance"]

_UNKNOWN = "unknown"


def _numbers(value: object, dimensions: int, name: str) -> F32:
    """Return finite numbers as float32, of so many dimensions, none of them 0."""
    try:
        with np.errstate(over="ignore"):  # they are infinite then, and refused
            found = floats(value, (None,) * dimensions, name=name)
    except OverflowError as error:
        raise ShapeError(f"{name}: wanted numbers that fit float32, found larger ones") from error
    if not found.size:
        raise ShapeError(f"{name}: wanted numbers, found none")
    return found


def _descriptor(value: object) -> F32:
    """Return a descriptor, or that of a face, as (d,) float32."""
    if isinstance(value, FaceResult):
        if value.descriptor is None:
            raise ShapeError("a face without descriptor: ask for it, with_face_descriptors()")
        return value.descriptor
    return _numbers(value, 1, "descriptor")


def euclidean_distance(one: object, other: object) -> float:
    """Return the distance of two descriptors (d,), taken in float64."""
    a, b = _descriptor(one), _descriptor(other)
    check(b, a.shape, name="the other descriptor")
    return float(np.sqrt(((a.astype(np.float64) - b) ** 2).sum()))


def _member(json: object, name: str) -> Any:
    if not isinstance(json, Mapping):
        raise ShapeError(f"json: wanted an object, found {type(json).__name__}")
    if name not in json:
        raise ShapeError(f"json: wanted an object with {name!r}, found one without")
    return json[name]


@dataclass(frozen=True, slots=True, eq=False, init=False)
class LabeledFaceDescriptors:
    """What is known of somebody.  label: the name.  descriptors: (n, d) float32."""

    label: str
    descriptors: F32

    def __init__(self, label: str, descriptors: object) -> None:
        """Make it from descriptors: a list of (d,), or (n, d); n of 1 or more."""
        if not isinstance(label, str):
            raise ShapeError(f"label: wanted a string, found {type(label).__name__}")
        object.__setattr__(self, "label", label)
        rows = _numbers(descriptors, 2, f"descriptors of {label[:40]!r}")
        object.__setattr__(self, "descriptors", rows)

    def to_json(self) -> dict[str, Any]:
        """Return what face-api.js's ``toJSON`` returns; ``json.dump`` writes it."""
        return {"label": self.label, "descriptors": self.descriptors.astype(float).tolist()}

    @classmethod
    def from_json(cls, json: object) -> LabeledFaceDescriptors:
        """Make it from what ``to_json``, or face-api.js's ``toJSON``, returned.

        Raises ShapeError if that is something else.
        """
        return cls(_member(json, "label"), _member(json, "descriptors"))

    def __repr__(self) -> str:
        return f"LabeledFaceDescriptors({self.label!r}, {len(self.descriptors)} descriptors)"


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """Whom a face looks like, and how far away from them it is."""

    label: str
    distance: float

    def to_string(self, with_distance: bool = True) -> str:
        """Return ``label (0.43)``; the distance is cut off after two digits, not rounded."""
        if not with_distance:
            return self.label
        return f"{self.label} ({repr(round_down(self.distance)).removesuffix('.0')})"

    def __str__(self) -> str:
        return self.to_string()


Known: TypeAlias = "LabeledFaceDescriptors | FaceResult | np.ndarray[Any, Any]"


class FaceMatcher:
    """Finds the label whose descriptors are nearest to a face's; threads may share one.

    How far away a label is, is the mean of the distances of its descriptors.
    """

    def __init__(self, inputs: Known | Sequence[Known], distance_threshold: float = 0.6) -> None:
        """Make a matcher.

        inputs: LabeledFaceDescriptors, faces with descriptors, or descriptors (d,); one or
            several.  Those without a label become "person 1", "person 2" and so on.
        distance_threshold: only a label that is nearer than this is a match.
        """
        one = isinstance(inputs, (LabeledFaceDescriptors, FaceResult)) or (
            isinstance(inputs, np.ndarray) and inputs.ndim == 1
        )
        given: list[Any] = [inputs] if one else list(inputs)  # type: ignore[arg-type]
        if not given:
            raise ShapeError("inputs: wanted a face or more, found none")
        if not is_number(distance_threshold):
            raise OptionError(f"distance_threshold: wanted a number, found {distance_threshold!r}")
        self.distance_threshold = float(distance_threshold)
        self.labeled_descriptors = _labeled(given)
        first = self.labeled_descriptors[0].descriptors.shape[1]
        for each in self.labeled_descriptors:
            check(each.descriptors, (None, first), name=f"descriptors of {each.label[:40]!r}")
        rows = [each.descriptors for each in self.labeled_descriptors]
        self._vectors = np.concatenate(rows).astype(np.float64)
        self._counts = np.array([len(each) for each in rows])
        self._starts = np.cumsum(self._counts) - self._counts

    def __repr__(self) -> str:
        return f"FaceMatcher({len(self._counts)} labels, threshold={self.distance_threshold:g})"

    def distances(self, query_descriptor: object) -> F64:
        """Return how far away each label is, (labels,) float64."""
        query = _descriptor(query_descriptor)
        check(query, (self._vectors.shape[1],), name="query_descriptor")
        each = np.sqrt(((self._vectors - query) ** 2).sum(axis=1))
        return np.asarray(np.add.reduceat(each, self._starts) / self._counts, np.float64)

    def match_descriptor(self, query_descriptor: object) -> FaceMatch:
        """Return the nearest label, however far away; of equal ones the last."""
        distances = self.distances(query_descriptor)
        best = len(distances) - 1 - int(np.argmin(distances[::-1]))
        return FaceMatch(self.labeled_descriptors[best].label, float(distances[best]))

    def find_best_match(self, query_descriptor: object) -> FaceMatch:
        """Return the nearest label, or "unknown" with its distance if that is too far away.

        query_descriptor: (d,), or a face with a descriptor.
        """
        match = self.match_descriptor(query_descriptor)
        near = match.distance < self.distance_threshold
        return match if near else FaceMatch(_UNKNOWN, match.distance)

    def to_json(self) -> dict[str, Any]:
        """Return what face-api.js's ``toJSON`` returns; ``json.dump`` writes it."""
        return {
            "distanceThreshold": self.distance_threshold,
            "labeledDescriptors": [each.to_json() for each in self.labeled_descriptors],
        }

    @classmethod
    def from_json(cls, json: object) -> FaceMatcher:
        """Make a matcher from what ``to_json``, or face-api.js's ``toJSON``, returned.

        Raises ShapeError if that is something else, OptionError for its threshold.
        """
        labeled = _member(json, "labeledDescriptors")
        if not isinstance(labeled, list):
            raise ShapeError(f"labeledDescriptors: wanted a list, found {type(labeled).__name__}")
        known = [LabeledFaceDescriptors.from_json(each) for each in labeled]
        return cls(known, _member(json, "distanceThreshold"))


def _labeled(given: list[Any]) -> tuple[LabeledFaceDescriptors, ...]:
    """Give a label to those who have none."""
    named: list[LabeledFaceDescriptors] = []
    count = 0
    for each in given:
        if isinstance(each, LabeledFaceDescriptors):
            named.append(each)
        else:
            count += 1
            named.append(LabeledFaceDescriptors(f"person {count}", _descriptor(each)[None]))
    return tuple(named)
