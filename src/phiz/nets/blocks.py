"""Blocks that several architectures share."""

from __future__ import annotations

from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Layer,
    Relu,
    Skip,
    Tag,
)

__all__ = [
    "bottleneck",
    "bottleneck_down",
    "dense",
    "narrow",
    "residual",
    "residual_down",
    "residual_up",
    "transition",
]


def residual(filters: int) -> tuple[Layer, ...]:
    """Two 3 x 3 convolutions around which the input is added (He et al. 2015)."""
    return (
        Tag(1),
        Con(filters, 3), Affine(), Relu(),
        Con(filters, 3), Affine(),
        AddPrev(1), Relu(),
    )  # fmt: skip


def residual_down(filters: int) -> tuple[Layer, ...]:
    """The same at half the size: the shortcut is a pooled input, never a convolution."""
    return (
        Tag(1),
        Con(filters, 3, stride=2), Affine(), Relu(),
        Con(filters, 3), Affine(),
        Tag(2), Skip(1), AvgPool(2, stride=2),
        AddPrev(2), Relu(),
    )  # fmt: skip


def residual_up(filters: int) -> tuple[Layer, ...]:
    """The same at twice the size, with transposed convolutions, one of them in the shortcut."""
    return (
        Tag(1),
        Cont(filters, 3, stride=2), Affine(), Relu(),
        Cont(filters, 3), Affine(),
        Tag(2), Skip(1), Cont(filters, 2, stride=2),
        AddPrev(2), Relu(),
    )  # fmt: skip


def narrow(filters: int, stride: int, pad: int | None = None) -> tuple[Layer, ...]:
    """A 3 x 3 convolution between two of 1 x 1."""
    return (
        Con(filters, 1), Affine(), Relu(),
        Con(filters, 3, stride, pad), Affine(), Relu(),
        Con(4 * filters, 1), Affine(),
    )  # fmt: skip


def bottleneck(filters: int) -> tuple[Layer, ...]:
    """A 3 x 3 convolution between two of 1 x 1, around which the input is added."""
    return Tag(1), *narrow(filters, 1), AddPrev(1), Relu()


def bottleneck_down(filters: int) -> tuple[Layer, ...]:
    """The same at half the size, with a pooled input as shortcut."""
    return (
        Tag(1), *narrow(filters, 2),
        Tag(2), Skip(1), AvgPool(2, stride=2),
        AddPrev(2), Relu(),
    )  # fmt: skip


def dense(growth: int) -> tuple[Layer, ...]:
    """``growth`` new channels behind those of the input (Huang et al. 2016)."""
    return (
        Tag(1),
        Affine(), Relu(), Con(4 * growth, 1),
        Affine(), Relu(), Con(growth, 3),
        Tag(2), Concat((1, 2)),
    )  # fmt: skip


def transition(filters: int) -> tuple[Layer, ...]:
    """Fewer channels and half the size, between groups of dense blocks."""
    return Affine(), Relu(), Con(filters, 1), AvgPool(2, stride=2)
