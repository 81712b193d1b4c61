"""What face-api.js says of a face: one record, whose parts are there as they were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, overload

from phiz.checks import F32
from phiz.compat.faceapi.boxes import dimensions_of
from phiz.compat.faceapi.detection import FaceDetection
from phiz.compat.faceapi.landmarks import FaceLandmarks
from phiz.errors import ShapeError

__all__ = [
    "AgeAndGender",
    "ExpressionScore",
    "FaceExpressions",
    "FaceResult",
    "Gender",
    "resize_results",
]

Gender: TypeAlias = Literal["female", "male"]


class ExpressionScore(NamedTuple):
    """An expression and how probable the network finds it."""

    expression: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceExpressions(Mapping[str, float]):
    """How probable the network finds each expression; they add up to 1.

    Both ``expressions.happy`` and ``expressions["happy"]`` will do.
    """

    neutral: float
    happy: float
    sad: float
    angry: float
    fearful: float
    disgusted: float
    surprised: float

    def __getitem__(self, expression: str) -> float:
        if expression not in self:
            raise KeyError(expression)
        return float(getattr(self, expression))

    def __contains__(self, expression: object) -> bool:
        return expression in tuple(self)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def as_sorted_array(self) -> list[ExpressionScore]:
        """Return the expressions, the most probable first."""
        every = [ExpressionScore(name, self[name]) for name in self]
        return sorted(every, key=lambda each: -each.probability)


class AgeAndGender(NamedTuple):
    """What the network makes of a face: years, not rounded, and how sure it is of the gender."""

    age: float
    gender: Gender
    gender_probability: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceResult:
    """A face and what was asked about it; the rest is None.

    detection: where it is.
    landmarks: its points in the picture.  unshifted_landmarks: in its crop.
    aligned_rect: the box around the points, somewhat larger, with the score of the detection.
    descriptor: (128,) float32, not normalised.
    expressions: a probability for each.
    age: years.  gender, gender_probability: the one above one half.
    """

    detection: FaceDetection
    landmarks: FaceLandmarks | None = None
    unshifted_landmarks: FaceLandmarks | None = None
    aligned_rect: FaceDetection | None = None
    descriptor: F32 | None = None
    expressions: FaceExpressions | None = None
    age: float | None = None
    gender: Gender | None = None
    gender_probability: float | None = None

    def with_landmarks(self, unshifted: FaceLandmarks) -> FaceResult:
        """Return the face with landmarks.

        unshifted: counted from the corner of its box.  As in the original, they move to the box's
        own corner, though what was seen starts at a whole pixel inside the picture.
        """
        found = self.detection
        landmarks = unshifted.shift_by(found.box.x, found.box.y)
        relative = landmarks.align().rescale(found.image_dims.reverse())
        return replace(
            self,
            landmarks=landmarks,
            unshifted_landmarks=unshifted,
            aligned_rect=FaceDetection(found.score, relative, found.image_dims),
        )

    def for_size(self, width: float, height: float) -> FaceResult:
        """Return the same face in the picture resized to this size."""
        resized = replace(self, detection=self.detection.for_size(width, height))
        if self.unshifted_landmarks is None:
            return resized
        box = resized.detection.box
        return resized.with_landmarks(self.unshifted_landmarks.for_size(box.width, box.height))

    def __repr__(self) -> str:
        known = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return f"FaceResult({', '.join(known)})"


R = TypeVar("R", FaceDetection, FaceLandmarks, FaceResult)


@overload
def resize_results(results: R, dimensions: tuple[float, float]) -> R: ...


@overload
def resize_results(results: None, dimensions: tuple[float, float]) -> None: ...


@overload
def resize_results(results: Sequence[R], dimensions: tuple[float, float]) -> list[R]: ...


def resize_results(results: Any, dimensions: tuple[float, float]) -> Any:
    """Return results as they are in the picture resized to (width, height), to draw them there.

    results: a FaceResult, FaceDetection or FaceLandmarks, a sequence of such, or None.
    Raises ShapeError for anything else, and for dimensions that are not above 0.
    """
    width, height = dimensions_of(dimensions)
    if results is None:
        return None
    if isinstance(results, (FaceResult, FaceDetection, FaceLandmarks)):
        return results.for_size(width, height)
    if isinstance(results, Sequence) and not isinstance(results, (str, bytes)):
        return [resize_results(each, (width, height)) for each in results]
    raise ShapeError(f"results: wanted faces, found {type(results).__name__}")
