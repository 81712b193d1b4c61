"""dlib's face descriptor network."""

from __future__ import annotations

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    LossMetric,
    MaxPool,
    Relu,
    chain,
)
from phiz.nets.blocks import residual, residual_down

__all__ = ["dlib_face_resnet"]


def dlib_face_resnet() -> Arch:
    """ResNet with 29 convolutions, 150 x 150 RGB to 128 numbers.

    A ResNet-34 of He et al. with fewer layers and half the filters.
    Source: dlib ``examples/dnn_face_recognition_ex.cpp``.
    """
    return Arch(
        "dlib-face-resnet",
        InputRgb(150, sized=True),
        chain(
            Con(32, 7, stride=2), Affine(), Relu(), MaxPool(3, stride=2),
            3 * [residual(32)],
            residual_down(64), 3 * [residual(64)],
            residual_down(128), 2 * [residual(128)],
            residual_down(256), 2 * [residual(256)],
            residual_down(256),
            AvgPool(), Fc(128, bias=False),
        ),
        LossMetric(),
    )  # fmt: skip
