"""Cydral's vision transformer."""

from __future__ import annotations

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Fc,
    Gelu,
    InputRgb,
    Layer,
    LayerNorm,
    Linear,
    LossPlain,
    Multiply,
    MultmPrev,
    PatchesToSequence,
    Relu,
    Repeat,
    ReshapeTo,
    RmsNorm,
    Rotary,
    Sig,
    Skip,
    Softmaxm,
    Tag,
    Transpose,
    TrilMask,
    chain,
)

__all__ = ["cydral_vit_s16"]


def cydral_vit_s16() -> Arch:
    """1,000 kinds of things in 224 x 224 RGB, seen as 196 patches of 16 x 16.

    Source: github.com/Cydral/dlib-models-training,
    ``dnn_Vision_Transformer_Stable_ImageNet_1K.cpp``.
    """
    patches, heads, width = 196, 6, 234

    def head() -> tuple[Layer, ...]:
        return Linear(width, bias=False), ReshapeTo(heads, patches, width // heads)

    def attention() -> tuple[Layer, ...]:
        """Values are tag 2 and turned keys tag 3; a patch sees none that comes after it."""
        return (
            Tag(1), *head(),
            Tag(2), Skip(1), *head(), Rotary(), Transpose(),
            Tag(3), Skip(1), *head(), Rotary(),
            MultmPrev(3), Multiply(), TrilMask(), Softmaxm(), MultmPrev(2),
            ReshapeTo(1, patches, width), Linear(width, bias=False), Multiply(),
            AddPrev(1), RmsNorm(),
        )  # fmt: skip

    def feed_forward() -> tuple[Layer, ...]:
        return (
            Tag(5),
            Linear(4 * width), Multiply(), Gelu(),
            Linear(width), Multiply(),
            AddPrev(5), RmsNorm(),
        )  # fmt: skip

    return Arch(
        "cydral-vit-s16",
        InputRgb(224, sized=True),
        chain(
            Con(width, 16, stride=16), PatchesToSequence(), Linear(width), Sig(), LayerNorm(),
            Repeat(4, (*attention(), *feed_forward())),
            Fc(2 * width), Affine(), Relu(), Fc(width), AvgPool(),
            Fc(1000),
        ),
        LossPlain("loss_multiclass_log_"),
    )  # fmt: skip
