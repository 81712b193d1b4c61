"""A face that was found, as face-api.js has it."""

from __future__ import annotations

from dataclasses import dataclass, field

from phiz.compat.faceapi.boxes import Box, Dimensions, dimensions_of

__all__ = ["FaceDetection"]


@dataclass(frozen=True, slots=True, init=False)
class FaceDetection:
    """A face, found in a picture.

    score: the detector's own.
    box: in pixels; it may leave the picture.
    image_dims: (width, height) of the picture.
    """

    score: float
    box: Box
    image_dims: Dimensions = field(repr=False)

    def __init__(self, score: float, relative_box: Box, image_dims: tuple[float, float]) -> None:
        """Make one.  relative_box: in parts of the picture."""
        size = dimensions_of(image_dims)
        object.__setattr__(self, "score", float(score))
        object.__setattr__(self, "box", relative_box.rescale(size))
        object.__setattr__(self, "image_dims", size)

    @property
    def relative_box(self) -> Box:
        """The box in parts of the picture."""
        return self.box.rescale(self.image_dims.reverse())

    @property
    def image_width(self) -> float:
        """Pixels."""
        return self.image_dims.width

    @property
    def image_height(self) -> float:
        """Pixels."""
        return self.image_dims.height

    def for_size(self, width: float, height: float) -> FaceDetection:
        """Return the same face in the picture resized to this size."""
        return FaceDetection(self.score, self.relative_box, (width, height))
