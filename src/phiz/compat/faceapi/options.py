"""Which detector to run, and how: as in face-api.js the class of the options says which.

An option that is 0 is an error here, where the original takes its default instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from phiz.models import mtcnn
from phiz.models.faceapi_ssd import SsdOptions
from phiz.models.faceapi_yolo import YoloOptions

__all__ = [
    "FaceDetectionOptions",
    "MtcnnOptions",
    "SsdMobilenetv1Options",
    "TinyFaceDetectorOptions",
    "TinyYolov2Options",
]


@dataclass(frozen=True, slots=True)
class SsdMobilenetv1Options(SsdOptions):
    """Run SSD MobileNet V1, the most exact one; see :class:`phiz.models.faceapi_ssd.SsdOptions`."""


@dataclass(frozen=True, slots=True)
class TinyFaceDetectorOptions(YoloOptions):
    """Run the Tiny Face Detector; see :class:`phiz.models.faceapi_yolo.YoloOptions`."""


@dataclass(frozen=True, slots=True)
class TinyYolov2Options(YoloOptions):
    """Run Tiny YOLO v2 with separable convolutions; see the Tiny Face Detector's options."""


@dataclass(frozen=True, slots=True)
class MtcnnOptions(mtcnn.MtcnnOptions):
    """Run MTCNN; see :class:`phiz.models.mtcnn.MtcnnOptions`."""


FaceDetectionOptions: TypeAlias = (
    "SsdMobilenetv1Options | TinyFaceDetectorOptions | TinyYolov2Options | MtcnnOptions"
)
