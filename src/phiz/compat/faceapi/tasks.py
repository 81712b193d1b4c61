"""Find faces, and ask more about each: tasks that are put together, and run when asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar, overload

from phiz.compat.faceapi.detection import FaceDetection
from phiz.compat.faceapi.networks import check_options, detections
from phiz.compat.faceapi.options import FaceDetectionOptions, SsdMobilenetv1Options
from phiz.compat.faceapi.results import FaceResult
from phiz.compat.faceapi.source import Models, Source
from phiz.compat.faceapi.steps import (
    Step,
    add_age_and_gender,
    add_descriptors,
    add_expressions,
    add_landmarks,
)
from phiz.errors import OptionError
from phiz.imaging import ImageLike
from phiz.runtime import Runtime

__all__ = [
    "AllFacesTask",
    "DetectAllFacesTask",
    "DetectSingleFaceTask",
    "SingleFaceTask",
    "detect_all_faces",
    "detect_single_face",
]

R = TypeVar("R", bound="FaceDetection | FaceResult")


class _AllFaces(Sequence[R]):
    """Faces of a picture, best score first, found when they are first looked at, and once.

    Threads may share one.  A task made from it starts from what it found.
    """

    _described = False  # whether a step has looked at the faces
    _aligned = False  # whether they have landmarks

    def __init__(self, source: Source, work: Callable[[], list[R]]) -> None:
        self._source = source
        self._work = work
        self._results: list[R] | None = None
        self._lock = threading.Lock()

    def run(self) -> list[R]:
        """Return the faces; raises ImageError if the picture cannot be read."""
        with self._lock:
            if self._results is None:
                self._results = self._work()
            return list(self._results)

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> list[R]: ...

    def __getitem__(self, index: int | slice) -> R | list[R]:
        return self.run()[index]

    def __len__(self) -> int:
        return len(self.run())

    def __repr__(self) -> str:
        found = "not run yet" if self._results is None else f"{len(self._results)} found"
        return f"{type(self).__name__}({found})"

    def _faces(self) -> list[FaceResult]:
        return [each if isinstance(each, FaceResult) else FaceResult(each) for each in self.run()]

    def _then(self, step: Step, *, aligned: bool) -> AllFacesTask:
        return AllFacesTask(
            self._source, lambda: step(self._source, self._faces()), aligned=aligned
        )

    def with_face_landmarks(self, use_tiny: bool = False) -> AllFacesTask:
        """Find 68 landmarks of each face, with the smaller network if ``use_tiny``.

        They come first: the other networks look at the part of the picture that they show.
        Raises OptionError if one of these was asked for already.
        """
        if self._described:
            raise OptionError("with_face_landmarks: landmarks come first, before other steps")
        return self._then(partial(add_landmarks, use_tiny=use_tiny), aligned=True)

    def with_face_expressions(self) -> AllFacesTask:
        """Say how probable each expression is, from the aligned face if there are landmarks."""
        return self._then(add_expressions, aligned=self._aligned)

    def with_age_and_gender(self) -> AllFacesTask:
        """Estimate age and gender, from the aligned face if there are landmarks."""
        return self._then(add_age_and_gender, aligned=self._aligned)

    def with_face_descriptors(self) -> AllFacesTask:
        """Describe each face; raises OptionError without landmarks."""
        if not self._aligned:
            raise OptionError("descriptors want landmarks: call with_face_landmarks() before them")
        return self._then(add_descriptors, aligned=True)


class DetectAllFacesTask(_AllFaces[FaceDetection]):
    """The faces of a picture: a sequence of FaceDetection that is worked out once."""


class AllFacesTask(_AllFaces[FaceResult]):
    """The faces of a picture and more about them: a sequence of FaceResult, worked out once.

    A face that shows no whole pixel to a step is left out.
    """

    _described = True

    def __init__(
        self, source: Source, work: Callable[[], list[FaceResult]], *, aligned: bool
    ) -> None:
        super().__init__(source, work)
        self._aligned = aligned


class _SingleFace(Generic[R]):
    """The best face of a picture, found when ``run`` is first called, and once."""

    def __init__(self, faces: _AllFaces[R]) -> None:
        self._faces = faces

    def run(self) -> R | None:
        """Return the face, or None; raises ImageError if the picture cannot be read."""
        found = self._faces.run()
        return found[0] if found else None

    def __bool__(self) -> bool:
        raise TypeError("a task is not a truth value: ask run(), which may return None")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._faces!r})"

    def with_face_landmarks(self, use_tiny: bool = False) -> SingleFaceTask:
        """See :meth:`DetectAllFacesTask.with_face_landmarks`."""
        return SingleFaceTask(self._faces.with_face_landmarks(use_tiny))

    def with_face_expressions(self) -> SingleFaceTask:
        """See :meth:`DetectAllFacesTask.with_face_expressions`."""
        return SingleFaceTask(self._faces.with_face_expressions())

    def with_age_and_gender(self) -> SingleFaceTask:
        """See :meth:`DetectAllFacesTask.with_age_and_gender`."""
        return SingleFaceTask(self._faces.with_age_and_gender())

    def with_face_descriptor(self) -> SingleFaceTask:
        """See :meth:`DetectAllFacesTask.with_face_descriptors`."""
        return SingleFaceTask(self._faces.with_face_descriptors())


class DetectSingleFaceTask(_SingleFace[FaceDetection]):
    """The best face of a picture; ``run`` returns a FaceDetection, or None."""


class SingleFaceTask(_SingleFace[FaceResult]):
    """The best face of a picture and more about it; ``run`` returns a FaceResult, or None."""


def detect_all_faces(
    image: ImageLike,
    options: FaceDetectionOptions | None = None,
    *,
    download: bool = False,
    runtime: Runtime | None = None,
) -> DetectAllFacesTask:
    """Find the faces of a picture; nothing runs until the result is looked at.

    image: see :func:`phiz.imaging.as_image`.  Of a file EXIF orientation is not applied, as the
        original does not.
    options: which detector, and how; by default ``SsdMobilenetv1Options()``.
    download: fetch weights that are not on this machine; otherwise they are a ModelNotFound.
    runtime: the thread budget with which models are kept; None is the default one.

    Raises OptionError for options that are none.
    """
    options = SsdMobilenetv1Options() if options is None else options
    check_options(options)
    source = Source(image, Models(download, runtime))
    return DetectAllFacesTask(source, lambda: detections(source.models, source.pixels(), options))


def detect_single_face(
    image: ImageLike,
    options: FaceDetectionOptions | None = None,
    *,
    download: bool = False,
    runtime: Runtime | None = None,
) -> DetectSingleFaceTask:
    """Find the face with the best score; see :func:`detect_all_faces`."""
    found = detect_all_faces(image, options, download=download, runtime=runtime)
    return DetectSingleFaceTask(DetectAllFacesTask(found._source, lambda: found[:1]))
