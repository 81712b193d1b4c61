"""Landmarks as face-api.js has them: they know the size of the crop they were found in.

Source: face-api.js 0.22.2, ``src/classes/FaceLandmarks*.ts``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phiz.checks import F64, check, finite
from phiz.compat.faceapi.boxes import Box, Dimensions, Point, dimensions_of, min_bbox
from phiz.compat.faceapi.detection import FaceDetection
from phiz.errors import ShapeError
from phiz.models.faceapi_crops import square_of_face

__all__ = ["FaceLandmarks", "FaceLandmarks5", "FaceLandmarks68"]

L = TypeVar("L", bound="FaceLandmarks")


@dataclass(frozen=True, slots=True, eq=False, init=False)
class FaceLandmarks:
    """Points of a face; it has ``__array__``.

    positions: (k, 2) float64 ``x y``, pixels, ``shift`` added.
    shift: where the upper left corner of the crop they were found in is.
    image_dims: (width, height) of that crop.
    """

    positions: F64
    image_dims: Dimensions
    shift: Point = field(default=Point(0.0, 0.0))

    count: ClassVar[int | None] = None

    def __init__(
        self,
        relative_positions: object,
        image_dims: tuple[float, float],
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Make them from points (k, 2) in parts of the crop."""
        relative = np.array(relative_positions, np.float64)
        check(relative, (self.count, 2), name="relative_positions")
        finite(relative, name="relative_positions")
        if not len(relative):
            raise ShapeError("relative_positions: wanted a point or more, found none")
        size, moved = dimensions_of(image_dims), Point(*map(float, shift))
        object.__setattr__(self, "positions", relative * size + moved)
        object.__setattr__(self, "image_dims", size)
        object.__setattr__(self, "shift", moved)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.positions, dtype, copy=True)

    def __repr__(self) -> str:
        width, height = self.image_dims
        return f"{type(self).__name__}({len(self.positions)} points in {width:g} x {height:g})"

    @property
    def image_width(self) -> float:
        """Of the crop, in pixels."""
        return self.image_dims.width

    @property
    def image_height(self) -> float:
        """Of the crop, in pixels."""
        return self.image_dims.height

    @property
    def relative_positions(self) -> F64:
        """(k, 2) float64, in parts of the crop, without the shift."""
        return np.asarray((self.positions - self.shift) / self.image_dims, np.float64)

    def for_size(self: L, width: float, height: float) -> L:
        """Return the points in a crop of another size, without the shift."""
        return type(self)(self.relative_positions, (width, height))

    def shift_by(self: L, x: float, y: float) -> L:
        """Return the points with this shift, in place of the one they have."""
        return type(self)(self.relative_positions, self.image_dims, (x, y))

    def align(
        self,
        detection: FaceDetection | Box | None = None,
        *,
        use_dlib_alignment: bool = False,
        min_box_padding: float = 0.2,
    ) -> Box:
        """Return the box of the face that the points show.

        detection: count the points from the corner of this face, rounded down, or of this box;
            None leaves them where they are.
        use_dlib_alignment: the square that the descriptor network is given, in place of the box
            around the points.
        min_box_padding: how much wider and higher the box around the points is made.
        """
        if detection is not None:
            box = detection.box.floor() if isinstance(detection, FaceDetection) else detection
            return self.shift_by(box.x, box.y).align(
                use_dlib_alignment=use_dlib_alignment, min_box_padding=min_box_padding
            )
        if use_dlib_alignment:
            if len(self.positions) not in (5, 68):
                raise ShapeError(f"wanted 5 or 68 points, found {len(self.positions)}")
            corners = square_of_face(self.positions, (self.image_width, self.image_height))
            return Box.from_corners(*corners.tolist())
        box = min_bbox(self.positions)
        return box.pad(box.width * min_box_padding, box.height * min_box_padding)


class FaceLandmarks5(FaceLandmarks):
    """MTCNN's points: the eyes, the nose, and the corners of the mouth, the left ones first."""

    __slots__ = ()
    count = 5


class FaceLandmarks68(FaceLandmarks):
    """The 68 points of iBUG; "left" is the left of the picture."""

    __slots__ = ()
    count = 68

    def get_jaw_outline(self) -> F64:
        """(17, 2), from the left."""
        return self.positions[:17]

    def get_left_eye_brow(self) -> F64:
        """(5, 2)."""
        return self.positions[17:22]

    def get_right_eye_brow(self) -> F64:
        """(5, 2)."""
        return self.positions[22:27]

    def get_nose(self) -> F64:
        """(9, 2): bridge, then nostrils."""
        return self.positions[27:36]

    def get_left_eye(self) -> F64:
        """(6, 2)."""
        return self.positions[36:42]

    def get_right_eye(self) -> F64:
        """(6, 2)."""
        return self.positions[42:48]

    def get_mouth(self) -> F64:
        """(20, 2): outer, then inner lips."""
        return self.positions[48:]
