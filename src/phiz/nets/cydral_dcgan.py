"""Cydral's generative adversarial pair."""

from __future__ import annotations

from phiz.graph.arch import Arch, Layout
from phiz.graph.layers import (
    Affine,
    Con,
    Cont,
    Fc,
    InputMatrix,
    InputPlanes,
    Layer,
    LeakyRelu,
    LossPlain,
    Multiply,
    Relu,
    Sig,
    chain,
)

__all__ = ["cydral_dcgan"]


def cydral_dcgan() -> Layout:
    """A generator, 100 numbers to 162 x 162 RGB, and a discriminator, which tells its pictures.

    Source: github.com/Cydral/FFspeech-dcgan, the programs of dlib-models' README.
    """
    return Layout("cydral-dcgan", (_generator, _discriminator))


def _generator() -> Arch:
    def grow(filters: int, stride: int, pad: int, side: int = 4) -> tuple[Layer, ...]:
        return Cont(filters, side, stride, pad), Affine(), Relu()

    return Arch(
        "cydral-dcgan-generator",
        InputPlanes(100),
        chain(
            grow(512, 1, 0),
            grow(256, 3, 1, side=3),
            grow(128, 2, 1), grow(128, 2, 1), grow(64, 2, 1),
            Cont(3, 4, 2, pad=0), Sig(), Fc(1, bias=False),
        ),
        LossPlain("loss_binary_log_per_pixel_"),
    )  # fmt: skip


def _discriminator() -> Arch:
    def shrink(filters: int, stride: int = 2, side: int = 4) -> tuple[Layer, ...]:
        return Con(filters, side, stride, pad=1), Affine(), LeakyRelu(), Multiply()

    return Arch(
        "cydral-dcgan-discriminator",
        InputMatrix(162, 162, "rgb"),
        chain(
            Con(64, 4, 2, pad=0), LeakyRelu(), Multiply(),
            shrink(128), shrink(128),
            shrink(256, 3, side=3), shrink(512),
            Con(3, 1, pad=0), Fc(1),
        ),
        LossPlain("loss_binary_log_"),
    )  # fmt: skip
