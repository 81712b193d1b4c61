"""What face_recognition finds and compares; each function takes what the original's takes.

A picture is a (h, w, 3) uint8 RGB array; (h, w) gray ones can be searched and landmarked.  A place
is a tuple (top, right, bottom, left), pixels, right and bottom inclusive as dlib's rectangles.
The functions with an underscore give dlib's own values, of :mod:`phiz.compat.dlib`.  They are part
of the interface: programs use them, and so do the original's tests.

Models are attributes of this module, as in the original, but made when they are first used:
``face_detector``, ``cnn_face_detector``, ``pose_predictor_5_point``, ``pose_predictor_68_point``
and ``face_encoder``.  The last keeps dlib's random generator, which jitters go on through.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "batch_face_locations",
    "compare_faces",
    "face_distance",
    "face_encodings",
    "face_landmarks",
    "face_locations",
    "load_image_file",
]

Place: TypeAlias = tuple[int, int, int, int]
Picture: TypeAlias = NDArray[Any]

_FILES: Mapping[str, str] = MappingProxyType(
    {
        "predictor_68_point_model": "dlib-landmarks-68",
        "predictor_5_point_model": "dlib-landmarks-5",
        "cnn_face_detection_model": "dlib-mmod-human",
        "face_recognition_model": "dlib-face-resnet-v1",
    }
)
_MODELS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "face_detector": ("get_frontal_face_detector", None),
        "pose_predictor_68_point": ("shape_predictor", "predictor_68_point_model"),
        "pose_predictor_5_point": ("shape_predictor", "predictor_5_point_model"),
        "cnn_face_detector": ("cnn_face_detection_model_v1", "cnn_face_detection_model"),
        "face_encoder": ("face_recognition_model_v1", "face_recognition_model"),
    }
)
# Which of the 68 points are which part, in the original's order: the lips go around, back along
# their inner side.
_PARTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "chin": tuple(range(17)),
        "left_eyebrow": tuple(range(17, 22)),
        "right_eyebrow": tuple(range(22, 27)),
        "nose_bridge": tuple(range(27, 31)),
        "nose_tip": tuple(range(31, 36)),
        "left_eye": tuple(range(36, 42)),
        "right_eye": tuple(range(42, 48)),
        "top_lip": (*range(48, 55), 64, 63, 62, 61, 60),
        "bottom_lip": (*range(54, 60), 48, 60, 67, 66, 65, 64),
    }
)
_SMALL_PARTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"nose_tip": (4,), "left_eye": (2, 3), "right_eye": (0, 1)}
)

_own: Any = sys.modules[__name__]  # a model is looked up when it is used: programs replace some
_lock = threading.RLock()
# A search holds copies of its picture in many sizes.  More searches at once than processors would
# take memory and save no time.
_turns = threading.Semaphore(max(os.cpu_count() or 1, 2))


def __getattr__(name: str) -> Any:
    """Make a model, or find the path of its file, when it is first wanted."""
    if name not in _MODELS and name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _lock:
        if name not in globals():
            globals()[name] = _file(name) if name in _FILES else _model(*_MODELS[name])
        return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODELS, *_FILES})


def _file(name: str) -> str:
    from phiz.compat.face_recognition.weights import weight_file

    return weight_file(_FILES[name])


def _model(maker: str, file: str | None) -> Any:
    from phiz.compat import dlib

    make: Callable[..., Any] = getattr(dlib, maker)
    return make() if file is None else make(getattr(_own, file))


def _rect_to_css(rect: Any) -> Place:
    """Return a dlib rectangle as (top, right, bottom, left)."""
    return rect.top(), rect.right(), rect.bottom(), rect.left()


def _css_to_rect(css: Sequence[int]) -> Any:
    """Return (top, right, bottom, left) as a dlib rectangle; TypeError unless whole numbers."""
    from phiz.compat import dlib

    return dlib.rectangle(css[3], css[0], css[1], css[2])


def _trim_css_to_bounds(css: Sequence[int], image_shape: Sequence[int]) -> Place:
    """Return the part of a place that is in a picture of this shape, as the original cuts it."""
    top, right, bottom, left = css[:4]
    return max(top, 0), min(right, image_shape[1]), min(bottom, image_shape[0]), max(left, 0)


def load_image_file(
    file: str | bytes | os.PathLike[str] | BinaryIO, mode: str | None = "RGB"
) -> Picture:
    """Read a picture: (h, w, 3) uint8 RGB, or (h, w) gray with ``mode="L"``.

    file: a path, or an open binary file.
    mode: Pillow's name of the colours wanted; None leaves those of the file.

    The EXIF orientation is not applied, and a truncated file gives what is there of it.  Raises
    FileNotFoundError and Pillow's errors.
    """
    from phiz.imaging import read_leniently

    return read_leniently(file, mode)


def _raw_face_locations(
    img: Picture, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> Any:
    """Return what a detector of dlib finds: rectangles, or mmod_rectangles of model "cnn"."""
    detector = _own.cnn_face_detector if model == "cnn" else _own.face_detector
    with _turns:
        return detector(img, number_of_times_to_upsample)


def face_locations(
    img: Picture, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> list[Place]:
    """Return the places of the faces in a picture.

    number_of_times_to_upsample: doublings of the picture first; each finds faces half as large.
    model: "cnn" for the network, anything else for HOG.

    Raises RuntimeError for a picture that is not 8 bit gray or RGB.
    """
    found = _raw_face_locations(img, number_of_times_to_upsample, model)
    rectangles = (face.rect for face in found) if model == "cnn" else found
    return [_trim_css_to_bounds(_rect_to_css(each), img.shape) for each in rectangles]


def _raw_face_locations_batched(
    images: Sequence[Picture], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> Any:
    """Return dlib's mmod_rectangles of each picture; pictures may differ in size."""
    from phiz.compat import dlib

    def search(pictures: list[Picture]) -> Any:
        return _own.cnn_face_detector(pictures, number_of_times_to_upsample, batch_size=batch_size)

    pictures = list(images)
    if len({np.shape(each) for each in pictures}) <= 1:
        return search(pictures)
    found = dlib.mmod_rectangless()  # dlib wants the pictures of a call to have one size
    for picture in pictures:
        found.extend(search([picture]))
    return found


def batch_face_locations(
    images: Sequence[Picture], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> list[list[Place]]:
    """Return the places of the faces in each of several pictures, found by the network.

    images: of any sizes; in the original they have one size.
    batch_size: as in the original, how many pictures a graphics card is given at once.
    """
    found = _raw_face_locations_batched(images, number_of_times_to_upsample, batch_size)
    return [
        [_trim_css_to_bounds(_rect_to_css(face.rect), image.shape) for face in faces]
        for image, faces in zip(images, found, strict=True)
    ]


def _raw_face_landmarks(
    face_image: Picture, face_locations: Iterable[Sequence[int]] | None = None, model: str = "large"
) -> list[Any]:
    """Return a dlib full_object_detection of each face; see :func:`face_landmarks`."""
    if face_locations is None:
        rectangles = _raw_face_locations(face_image)
    else:
        rectangles = [_css_to_rect(each) for each in face_locations]
    predictor = _own.pose_predictor_5_point if model == "small" else _own.pose_predictor_68_point
    return [predictor(face_image, rectangle) for rectangle in rectangles]


def face_landmarks(
    face_image: Picture, face_locations: Iterable[Sequence[int]] | None = None, model: str = "large"
) -> list[dict[str, list[tuple[int, int]]]]:
    """Return the points (x, y) of each face by the part of it that they are on.

    face_locations: where the faces are; None looks for them first.
    model: "large" for 68 points, "small" for 5.

    Raises ValueError for another model, RuntimeError for a picture that is not 8 bit gray or RGB.
    """
    found = _raw_face_landmarks(face_image, face_locations, model)
    if model not in ("large", "small"):
        raise ValueError("Invalid landmarks model type. Supported models are ['small', 'large'].")
    parts = _PARTS if model == "large" else _SMALL_PARTS
    faces = [[(point.x, point.y) for point in face.parts()] for face in found]
    return [
        {part: [points[index] for index in indices] for part, indices in parts.items()}
        for points in faces
    ]


def face_encodings(
    face_image: Picture,
    known_face_locations: Iterable[Sequence[int]] | None = None,
    num_jitters: int = 1,
    model: str = "small",
) -> list[NDArray[np.float64]]:
    """Return the 128 numbers (128,) float64 of each face; all faces are described in one run.

    known_face_locations: where the faces are; None looks for them first.
    num_jitters: above 1 the mean over so many slightly moved copies.
    model: "small" aligns faces by 5 points, anything else by 68.

    Raises TypeError for a gray picture, RuntimeError for one that is not 8 bit RGB.
    """
    from phiz.compat import dlib

    found = _raw_face_landmarks(face_image, known_face_locations, model)
    if not found:
        return []
    faces = dlib.full_object_detections(found)
    # dlib finds and landmarks faces in arrays of any strides, but describes them in plain ones.
    picture = np.ascontiguousarray(face_image)
    vectors = _own.face_encoder.compute_face_descriptor(picture, faces, num_jitters)
    return [np.array(vector) for vector in vectors]


def face_distance(face_encodings: Any, face_to_compare: Any) -> NDArray[Any]:
    """Return the Euclidean distance (n,) of each of n encodings to one; (0,) for none."""
    if len(face_encodings) == 0:
        return np.empty(0)
    differences = np.asarray(face_encodings) - np.asarray(face_to_compare)
    return np.asarray(np.linalg.norm(differences, axis=1))


def compare_faces(
    known_face_encodings: Any, face_encoding_to_check: Any, tolerance: float = 0.6
) -> list[Any]:
    """Return for each known encoding whether it is as near as ``tolerance``: NumPy's booleans."""
    return list(face_distance(known_face_encodings, face_encoding_to_check) <= tolerance)
