"""Cydral's network that colours gray pictures."""

from __future__ import annotations

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    Affine,
    Con,
    Concat,
    Cont,
    InputMatrix,
    Layer,
    LossPlain,
    MaxPool,
    Relu,
    Repeat,
    ResizeTo,
    Tag,
    chain,
)
from phiz.nets.blocks import residual, residual_down, residual_up

__all__ = ["cydral_colorify"]


def cydral_colorify() -> Arch:
    """A U-net of residual blocks, 227 x 227 gray to two planes of colour.

    Source: github.com/Cydral/Colorify, ``Model.h``, the high-resolution model.
    """

    def join(number: int) -> tuple[Layer, ...]:
        """Put the value of the way down, ``u1`` to ``u4``, before that of the way up."""
        return ResizeTo(2100 + number), Tag(2110 + number), Concat((2100 + number, 2110 + number))

    def up(filters: int, repeats: int) -> tuple[Layer, ...]:
        return *residual_up(filters), Repeat(repeats, residual(filters))

    return Arch(
        "cydral-colorify",
        InputMatrix(227, 227),
        chain(
            Con(64, 7, stride=2), Affine(), Relu(),
            Tag(2101), MaxPool(3, stride=2), residual(64), Repeat(1, residual(64)),
            Tag(2102), residual_down(128), Repeat(1, residual(128)),
            Tag(2103), residual_down(256), Repeat(3, residual(256)),
            Tag(2104), residual_down(512), Repeat(2, residual(512)),
            up(512, 2), join(4),
            up(256, 3), join(3),
            up(128, 1), join(2),
            up(64, 1), join(1),
            Cont(64, 7, stride=2), Affine(), Relu(),
            Cont(2, 1),
        ),
        LossPlain("loss_mean_squared_per_channel_and_pixel_"),
    )  # fmt: skip
