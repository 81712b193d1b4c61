"""face-api.js's models: their weight files, their networks, and the pixels these want."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from phiz.checks import F32
from phiz.errors import FormatError
from phiz.nets.faceapi_detectors import (
    faceapi_ssd_mobilenetv1,
    faceapi_tiny,
    faceapi_tiny_yolov2,
)
from phiz.nets.faceapi_faces import (
    faceapi_age_gender,
    faceapi_expression,
    faceapi_face_resnet,
    faceapi_landmarks_68,
    faceapi_landmarks_68_tiny,
)
from phiz.nets.faceapi_layers import Networks, Tensors
from phiz.nets.faceapi_mtcnn import faceapi_mtcnn

__all__ = ["TFJS_ARCHITECTURES", "PixelSpec", "TfjsArch", "match_tensors"]


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The pixels a network takes: (value - mean) * scale, (n, rows, columns, 3) float32.

    side: of the square, in pixels; None where it may differ.  mean: 0..255, in the order of
    ``colour``.  centred: what is padded to a square goes to both sides, not only to the right or
    bottom.  swapped: rows and columns are exchanged.
    """

    side: int | None
    mean: tuple[float, float, float]
    scale: float
    centred: bool = False
    colour: Literal["RGB", "BGR"] = "RGB"
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class TfjsArch:
    """A model that face-api.js publishes.

    file: what its weight files' names begin with.  build: its networks from the file's tensors.
    """

    name: str
    file: str
    build: Callable[[Tensors], Networks]
    pixels: PixelSpec

    def networks(self, tensors: Mapping[str, F32], path: str) -> Networks:
        """Return the networks with these weights.

        tensors: by name, in TensorFlow's layouts.  path: what errors call the file.

        Raises FormatError naming a tensor that is missing, of another shape, or left over.
        """
        have = Tensors(tensors, path)
        found = self.build(have)
        have.end(self.name)
        return found


_FACE = (122.782, 117.001, 104.298)
_HALF = (127.5, 127.5, 127.5)
_SQUARE = PixelSpec(512, _HALF, 1 / 127.5)
_SCENE = PixelSpec(None, (117.001, 114.697, 97.404), 1 / 256)
_SWAPPED = PixelSpec(None, _HALF, 0.0078125, colour="BGR", swapped=True)
_FACE_255 = PixelSpec(112, _FACE, 1 / 255, centred=True)
_FACE_256 = PixelSpec(112, _FACE, 1 / 256, centred=True)
_CHIP = PixelSpec(150, _FACE, 1 / 256, centred=True)

_PUBLISHED = (
    ("faceapi-ssd-mobilenetv1", "ssd_mobilenetv1_model", faceapi_ssd_mobilenetv1, _SQUARE),
    ("faceapi-tiny", "tiny_face_detector_model", faceapi_tiny, _SCENE),
    ("faceapi-tiny-yolov2", "tiny_yolov2_separable_conv_model", faceapi_tiny_yolov2, _SCENE),
    ("faceapi-mtcnn", "mtcnn_model", faceapi_mtcnn, _SWAPPED),
    ("faceapi-landmarks-68", "face_landmark_68_model", faceapi_landmarks_68, _FACE_255),
    (
        "faceapi-landmarks-68-tiny",
        "face_landmark_68_tiny_model",
        faceapi_landmarks_68_tiny,
        _FACE_255,
    ),
    ("faceapi-face-resnet", "face_recognition_model", faceapi_face_resnet, _CHIP),
    ("faceapi-expression", "face_expression_model", faceapi_expression, _FACE_255),
    ("faceapi-age-gender", "age_gender_model", faceapi_age_gender, _FACE_256),
)

TFJS_ARCHITECTURES: Final[Mapping[str, TfjsArch]] = MappingProxyType(
    {row[0]: TfjsArch(*row) for row in _PUBLISHED}
)
"""Every model of face-api.js by name.  @vladmandic/face-api divides by 255 where it does by 256."""


def match_tensors(
    tensors: Mapping[str, F32],
    path: str,
    architectures: Iterable[TfjsArch] = tuple(TFJS_ARCHITECTURES.values()),
) -> tuple[TfjsArch, Networks]:
    """Return the architecture that takes exactly these tensors, and its networks.

    Raises the FormatError of the one that most of them fit.
    """
    most, closest = -1, FormatError(path, 0, "a network", "none")
    for arch in architectures:
        have = Tensors(tensors, path)
        try:
            found = arch.build(have)
            have.end(arch.name)
        except FormatError as error:
            if have.taken > most:
                want = f"{error.want} (as {arch.name}, which fits best)"
                most, closest = have.taken, FormatError(path, error.at, want, error.found)
        else:
            return arch, found
    raise closest
