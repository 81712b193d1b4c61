"""The picture that is looked at, and the models that look at it."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phiz.checks import U8
from phiz.compat.faceapi.boxes import Box
from phiz.compat.faceapi.detection import FaceDetection
from phiz.errors import ShapeError
from phiz.imaging import ImageLike, as_image, read_image
from phiz.loading import load
from phiz.runtime import Runtime, default_runtime

__all__ = ["Models", "Source", "extract_faces", "pixels_of", "show", "visible"]


@dataclass(frozen=True, slots=True)
class Models:
    """Where models come from: each is loaded when it is first wanted and kept with the runtime.

    download: see :func:`phiz.load`.  runtime: None is the default one.
    """

    download: bool = False
    runtime: Runtime | None = None

    def get(self, name: str, options: object = None) -> Any:
        """Return a model of the zoo; options: of a detector, instead of its own."""
        shared = self.runtime or default_runtime()
        kept = shared.keep(name, lambda: load(name, download=self.download, runtime=shared))
        if options is None:
            return kept
        other: Any = copy.copy(kept)  # with the same networks: only what is asked of them differs
        other.options = options
        return other


def pixels_of(image: ImageLike) -> U8:
    """Return (h, w, 3) uint8 RGB.  As in the original, EXIF orientation is not applied."""
    if isinstance(image, (str, os.PathLike, bytes)):
        return read_image(image, orient=False)
    return as_image(image)


class Source:
    """A picture that is read when it is first looked at, and the models that look at it."""

    def __init__(self, image: ImageLike, models: Models) -> None:
        self.models = models
        self._image = image
        self._pixels: U8 | None = None
        self._lock = threading.Lock()

    def pixels(self) -> U8:
        """Return (h, w, 3) uint8 RGB; raises ImageError if it cannot be read."""
        with self._lock:
            if self._pixels is None:
                self._pixels = pixels_of(self._image)
            return self._pixels


def visible(pixels: U8, face: FaceDetection | Box) -> Box | None:
    """Return the whole pixels of a picture that a face or box shows, or None."""
    height, width = pixels.shape[:2]
    box = face.for_size(width, height).box if isinstance(face, FaceDetection) else face
    clipped = box.clip_at_image_borders(width, height)
    return clipped if clipped.width > 0 and clipped.height > 0 else None


def show(pixels: U8, place: Box) -> U8:
    """Return the part of a picture at whole pixels, a view."""
    x, y, right, bottom = (int(side) for side in (place.x, place.y, place.right, place.bottom))
    return pixels[y:bottom, x:right]


def extract_faces(image: ImageLike, detections: Sequence[FaceDetection | Box]) -> list[U8]:
    """Cut faces out of a picture.

    detections: faces that were found in it, or in the same picture of another size, or boxes.

    Returns a (h, w, 3) uint8 RGB for each, only what is inside the picture.  Raises ShapeError
    for a face that shows no whole pixel of it.
    """
    pixels = pixels_of(image)
    crops = []
    for number, face in enumerate(detections):
        place = visible(pixels, face)
        if place is None:
            height, width = pixels.shape[:2]
            raise ShapeError(
                f"detections: number {number} shows no whole pixel of the {width} x {height} "
                f"picture: {face}"
            )
        crops.append(show(pixels, place).copy())
    return crops
