"""Cydral's networks for training on ImageNet-1K and CIFAR-10, as dlib-models publishes them."""

from __future__ import annotations

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    Layer,
    LossBarlowTwins,
    LossPlain,
    MaxPool,
    Relu,
    Repeat,
    Skip,
    Tag,
    chain,
)
from phiz.nets.blocks import bottleneck, narrow, residual, residual_down

__all__ = ["cydral_resnet34_stable", "cydral_resnet50_ssl"]


def cydral_resnet34_stable() -> Arch:
    """1,000 kinds of things in 224 x 224 RGB.

    Source: github.com/Cydral/dlib-models-training,
    ``dnn_Vision_Transformer_Stable_ImageNet_1K.cpp``.
    """
    return Arch(
        "cydral-resnet34-stable",
        InputRgb(224),
        chain(
            Con(64, 7, stride=2), Affine(), Relu(), MaxPool(3, stride=2),
            Repeat(3, residual(64)),
            residual_down(128), Repeat(3, residual(128)),
            residual_down(256), Repeat(5, residual(256)),
            residual_down(512), Repeat(2, residual(512)),
            AvgPool(), Fc(1000),
        ),
        LossPlain("loss_multiclass_log_"),
    )  # fmt: skip


def cydral_resnet50_ssl() -> Arch:
    """A network trained without labels on 32 x 32 RGB, with the head that only training needs.

    Source: github.com/Cydral/dlib-models-training, ``dnn_Vision_Transformer_SSL_ex.cpp``.
    """

    def stage(filters: int, stride: int, repeats: int) -> tuple[Layer, ...]:
        """Begin with a convolution in the shortcut, and without a relu behind the sum."""
        return (
            Tag(1), *narrow(filters, stride, pad=1),
            Tag(2), Skip(1), Con(4 * filters, 1, stride), Affine(), AddPrev(2),
            Repeat(repeats, bottleneck(filters)),
        )  # fmt: skip

    return Arch(
        "cydral-resnet50-ssl",
        InputRgb(32),
        chain(
            Con(64, 3), Affine(), Relu(),
            stage(64, 1, 2), stage(128, 2, 3), stage(256, 2, 5), stage(512, 2, 2),
            AvgPool(),
            Fc(512), Affine(), Relu(), Fc(128),
        ),
        LossBarlowTwins(),
    )  # fmt: skip
