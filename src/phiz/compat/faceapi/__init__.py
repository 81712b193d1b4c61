"""face-api.js's way of asking about faces, for programs that are ported from it.

    from phiz.compat import faceapi

    for face in faceapi.detect_all_faces("party.jpg").with_face_landmarks().with_face_descriptors():
        print(face.detection.box, face.descriptor)

Names are face-api.js's in Python's spelling.  Numbers are those of face-api.js 0.22.2 for a
tensor of the picture; through a canvas browsers resize in ways of their own.
"""

from __future__ import annotations

from phiz.compat.faceapi.boxes import Box, Dimensions, Point, Rect, iou, min_bbox, round_down
from phiz.compat.faceapi.detection import FaceDetection
from phiz.compat.faceapi.landmarks import FaceLandmarks, FaceLandmarks5, FaceLandmarks68
from phiz.compat.faceapi.matching import (
    FaceMatch,
    FaceMatcher,
    LabeledFaceDescriptors,
    euclidean_distance,
)
from phiz.compat.faceapi.options import (
    MtcnnOptions,
    SsdMobilenetv1Options,
    TinyFaceDetectorOptions,
    TinyYolov2Options,
)
from phiz.compat.faceapi.results import (
    AgeAndGender,
    ExpressionScore,
    FaceExpressions,
    FaceResult,
    resize_results,
)
from phiz.compat.faceapi.single import (
    compute_face_descriptor,
    detect_face_landmarks,
    mtcnn,
    predict_age_and_gender,
    recognize_face_expressions,
)
from phiz.compat.faceapi.source import extract_faces
from phiz.compat.faceapi.tasks import (
    AllFacesTask,
    DetectAllFacesTask,
    DetectSingleFaceTask,
    SingleFaceTask,
    detect_all_faces,
    detect_single_face,
)

__all__ = [
    "AgeAndGender",
    "AllFacesTask",
    "Box",
    "DetectAllFacesTask",
    "DetectSingleFaceTask",
    "Dimensions",
    "ExpressionScore",
    "FaceDetection",
    "FaceExpressions",
    "FaceLandmarks",
    "FaceLandmarks5",
    "FaceLandmarks68",
    "FaceMatch",
    "FaceMatcher",
    "FaceResult",
    "LabeledFaceDescriptors",
    "MtcnnOptions",
    "Point",
    "Rect",
    "SingleFaceTask",
    "SsdMobilenetv1Options",
    "TinyFaceDetectorOptions",
    "TinyYolov2Options",
    "compute_face_descriptor",
    "detect_all_faces",
    "detect_face_landmarks",
    "detect_single_face",
    "euclidean_distance",
    "extract_faces",
    "iou",
    "min_bbox",
    "mtcnn",
    "predict_age_and_gender",
    "recognize_face_expressions",
    "resize_results",
    "round_down",
]
