"""BAREL's face descriptor network."""

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
    Repeat,
    chain,
)
from phiz.nets.blocks import dense, transition

__all__ = ["barel_face_densenet"]


def barel_face_densenet() -> Arch:
    """A dense network of growth 16, 150 x 150 RGB to 128 numbers.

    Source: github.com/Cydral/BAREL, ``FFssl_faces_densenet_model.cpp``.
    """
    return Arch(
        "barel-face-densenet",
        InputRgb(150),
        chain(
            Con(32, 7, stride=2, pad=3), Affine(), Relu(), MaxPool(3, stride=2, pad=1),
            Repeat(3, dense(16)), transition(40),
            Repeat(6, dense(16)), transition(68),
            Repeat(12, dense(16)), transition(130),
            Repeat(8, dense(16)),
            Affine(), Relu(), AvgPool(), Fc(128, bias=False),
        ),
        LossMetric(),
    )  # fmt: skip
