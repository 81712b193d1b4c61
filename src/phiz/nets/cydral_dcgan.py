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

__all__ = ["cydral_dcgan", "cydral_dcgan_generator"]


def cydral_dcgan(last: int = 1) -> Layout:
    """A generator, 100 numbers to 162 x 162 RGB, and a discriminator, which tells its pictures.

    Source: github.com/Cydral/FFgan, ``FFgan.cpp``.  Until November 2023 the discriminator's last
    convolution was one of 3 x 3 there.

    last: side of that convolution.
    """
    name = "cydral-dcgan" if last == 1 else f"cydral-dcgan-{last}x{last}"
    return Layout(name, (cydral_dcgan_generator, lambda: _discriminator(last)))


def cydral_dcgan_generator() -> Arch:
    """Describe the generator, which also comes alone."""

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


def _discriminator(last: int) -> Arch:
    def shrink(filters: int, stride: int = 2, side: int = 4) -> tuple[Layer, ...]:
        return Con(filters, side, stride, pad=1), Affine(), LeakyRelu(), Multiply()

    return Arch(
        "cydral-dcgan-discriminator",
        InputMatrix(162, 162, "rgb"),
        chain(
            Con(64, 4, 2, pad=0), LeakyRelu(), Multiply(),
            shrink(128), shrink(128),
            shrink(256, 3, side=3), shrink(512),
            Con(3, last, pad=0), Fc(1),
        ),
        LossPlain("loss_binary_log_"),
    )  # fmt: skip
