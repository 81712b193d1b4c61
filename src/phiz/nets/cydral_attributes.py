"""Cydral's gender and age networks."""

from __future__ import annotations

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    Layer,
    LossPlain,
    MaxPool,
    Multiply,
    Relu,
    chain,
)
from phiz.nets.blocks import residual, residual_down

__all__ = ["cydral_age", "cydral_gender"]

_LOSS = LossPlain("loss_multiclass_log_")


def cydral_gender() -> Arch:
    """Two outputs from 32 x 32 RGB.

    Source: dlib-models ``gender-classifier/dnn_gender_train_v1.cpp``.
    """

    def pair(filters: int) -> tuple[Layer, ...]:
        return chain(2 * [(Con(filters, 3), Affine(), Relu())], AvgPool(2, stride=2))

    return Arch(
        "cydral-gender",
        InputRgb(32, sized=True),
        chain(
            pair(32), pair(64),
            Multiply(), Fc(16), Relu(),
            Multiply(), Fc(2),
        ),
        _LOSS,
    )  # fmt: skip


def cydral_age() -> Arch:
    """One output per year, 0 to 80, from 64 x 64 RGB.

    Source: dlib-models ``age-predictor/dnn_age_train_v1.cpp``.
    """
    return Arch(
        "cydral-age",
        InputRgb(64),
        chain(
            Con(64, 7, stride=2), Affine(), Relu(), MaxPool(3, stride=2),
            residual(64),
            residual_down(128), residual(128),
            residual_down(256), residual(256),
            AvgPool(), Fc(81),
        ),
        _LOSS,
    )  # fmt: skip
