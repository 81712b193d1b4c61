"""``face_recognition_model_v1``: faces to vectors.

Source: dlib ``python/src/face_recognition.cpp``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phiz.checks import U8
from phiz.compat.dlib.binding import Bound, Overloads, bound
from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.failures import runtime_errors
from phiz.compat.dlib.files import load_network
from phiz.compat.dlib.images import Rgb
from phiz.compat.dlib.kinds import Float32, Int32
from phiz.compat.dlib.lists import vectors, vectorss
from phiz.compat.dlib.places import place_of
from phiz.compat.dlib.vectors import make_vector, vector
from phiz.rng import DlibRandom

if TYPE_CHECKING:
    from phiz.models.describer import NetDescriber

__all__ = ["face_recognition_model_v1"]

_SIZE = 150


@bound
class face_recognition_model_v1(Bound):  # noqa: N801 - dlib's name
    """Describes faces; threads may share one.

    It draws its random numbers from one generator, from call to call, as dlib's does.
    """

    __slots__ = ("_lock", "_model", "_random")
    _model: NetDescriber
    __init__ = Overloads()
    compute_face_descriptor = Overloads()

    @__init__.add
    def _(self, arg0: str) -> None:
        self._model = load_network(arg0, "descriptor")
        if self._model.input.size != _SIZE:
            raise RuntimeError(
                f"{arg0}: wanted a model for chips of {_SIZE} pixels, found {self._model!r}"
            )
        self._random = DlibRandom()
        self._lock = threading.Lock()

    @compute_face_descriptor.add
    def _(
        self,
        img: Rgb,
        face: full_object_detection,
        num_jitters: Int32 = 0,
        padding: Float32 = 0.25,
    ) -> vector:
        return self._faces([img], [[face]], num_jitters, padding)._items[0]._items[0]

    @compute_face_descriptor.add
    def _(self, img: Rgb, num_jitters: Int32 = 0) -> vector:
        return self._aligned([img], num_jitters)._items[0]

    @compute_face_descriptor.add
    def _(
        self,
        img: Rgb,
        faces: full_object_detections,
        num_jitters: Int32 = 0,
        padding: Float32 = 0.25,
    ) -> vectors:
        return self._faces([img], [faces._items], num_jitters, padding)._items[0]

    @compute_face_descriptor.add
    def _(
        self,
        batch_img: list[Rgb],
        batch_faces: list[full_object_detections],
        num_jitters: Int32 = 0,
        padding: Float32 = 0.25,
    ) -> vectorss:
        if len(batch_img) != len(batch_faces):
            raise RuntimeError(
                "The array of images and the array of array of locations must be of the same size"
            )
        faces = [each._items for each in batch_faces]
        return self._faces(batch_img, faces, num_jitters, padding)

    @compute_face_descriptor.add
    def _(self, batch_img: list[Rgb], num_jitters: Int32 = 0) -> vectors:
        return self._aligned(batch_img, num_jitters)

    def _faces(
        self,
        pictures: Sequence[U8],
        faces: Sequence[Sequence[full_object_detection]],
        jitters: int,
        padding: float,
    ) -> vectorss:
        """Describe the faces in each picture."""
        from phiz.models.chips import cut_chips

        if any(face.num_parts not in (5, 68) for here in faces for face in here):
            raise RuntimeError(
                "The full_object_detection must use the iBUG 300W 68 point face landmark style "
                "or dlib's 5 point style."
            )
        chips: list[U8] = []
        for picture, here in zip(pictures, faces, strict=True):
            chips += cut_chips(picture, [place_of(face, _SIZE, padding) for face in here])
        found = self._describe(chips, jitters)
        made = vectorss()
        for here in faces:
            some = vectors()
            some._items, found = found[: len(here)], found[len(here) :]
            made._items.append(some)
        return made

    def _aligned(self, chips: Sequence[U8], jitters: int) -> vectors:
        """Describe chips."""
        for chip in chips:
            if chip.shape[:2] != (_SIZE, _SIZE):
                raise RuntimeError(
                    "Unsupported image size, it should be of size 150x150. Also cropping must be "
                    f"done as `dlib.get_face_chip` would do it. {' ' * 16}That is, centered and "
                    "scaled essentially the same way."
                )
        made = vectors()
        made._items = self._describe(chips, jitters)
        return made

    def _describe(self, chips: Sequence[U8], jitters: int) -> list[vector]:
        if not chips:
            return []
        with runtime_errors():
            if jitters <= 1:
                rows = self._model(np.stack(chips)).vectors
            else:
                rows = np.stack([self._model.mean(self._moved(chip, jitters)) for chip in chips])
        return [make_vector(row) for row in rows.astype(np.float64)]

    def _moved(self, chip: U8, count: int) -> U8:
        """Return slightly moved copies of a chip."""
        from phiz.models.chips import jitter_chip

        with self._lock:
            return np.stack([jitter_chip(chip, self._random) for _ in range(count)])
