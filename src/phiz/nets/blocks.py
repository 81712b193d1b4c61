"""Blocks that several architectures share."""

from __future__ import annotations

from phiz.graph.arch import AddPrev, Affine, AvgPool, Con, Layer, Relu, Skip, Tag

__all__ = ["residual", "residual_down"]


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
