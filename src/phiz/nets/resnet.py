"""Residual networks that classify whole pictures."""

from __future__ import annotations

from phiz.graph.arch import Arch, Extra, Layout
from phiz.graph.layers import (
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    Layer,
    LossPlain,
    MaxPool,
    Relu,
    Repeat,
    chain,
)
from phiz.nets.blocks import bottleneck, bottleneck_down, residual, residual_down

__all__ = ["dlib_imagenet_resnet34", "dlib_imagenet_resnet50", "taguchi_gender"]

_LOSS = LossPlain("loss_multiclass_log_")


def _stem() -> tuple[Layer, ...]:
    return Con(64, 7, stride=2), Affine(), Relu(), MaxPool(3, stride=2)


def _resnet34(name: str, size: int, outputs: int) -> Arch:
    """ResNet-34 of He et al. 2015 with pooled shortcuts."""
    return Arch(
        name,
        InputRgb(size, sized=True),
        chain(
            _stem(),
            3 * [residual(64)],
            residual_down(128), 3 * [residual(128)],
            residual_down(256), 5 * [residual(256)],
            residual_down(512), 2 * [residual(512)],
            AvgPool(), Fc(outputs),
        ),
        _LOSS,
    )  # fmt: skip


def dlib_imagenet_resnet34() -> Layout:
    """1,000 kinds of things in 227 x 227 RGB.  Source: dlib ``examples/dnn_imagenet_ex.cpp``."""
    name = "dlib-imagenet-resnet34"
    return Layout(name, (lambda: _resnet34(name, 227, 1000), Extra.LABELS))


def dlib_imagenet_resnet50() -> Layout:
    """1,000 kinds of things in 224 x 224 RGB.  Source: dlib ``examples/resnet.h``."""
    name = "dlib-imagenet-resnet50"

    def arch() -> Arch:
        return Arch(
            name,
            InputRgb(224),
            chain(
                _stem(),
                Repeat(3, bottleneck(64)),
                bottleneck_down(128), Repeat(3, bottleneck(128)),
                bottleneck_down(256), Repeat(5, bottleneck(256)),
                bottleneck_down(512), Repeat(2, bottleneck(512)),
                AvgPool(), Fc(1000),
            ),
            _LOSS,
        )  # fmt: skip

    return Layout(name, (arch, Extra.LABELS))


def taguchi_gender() -> Arch:
    """Two outputs from 150 x 150 RGB.

    Source: github.com/TaguchiModels/dlibModels, ``GenderModelClassifier.cpp``.
    """
    return _resnet34("taguchi-gender", 150, 2)
