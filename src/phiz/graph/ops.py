"""The closed set of operations a graph is made of.

Values are float32, (n, channels, rows, columns); ``n`` is the batch.  Only TO_TENSOR's input
differs.  Source of the semantics: dlib ``cpu_dlib.cpp``, ``layers.h``.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Op"]


class Op(str, Enum):
    """An operation; the comment gives its parameters and attributes."""

    TO_TENSOR = "to_tensor"
    """(n, h, w, 3) uint8 RGB to (value - mean) * scale.  mean: three floats 0..255; scale."""
    CONV = "conv"
    """Cross-correlation.  weight (out, in / groups, rows, columns), bias (out,) or none;
    strides (y, x), pads (top, left, bottom, right), groups."""
    BATCH_NORM = "batch_norm"
    """gamma * (x - mean) / sqrt(variance + eps) + beta; gamma, beta, mean, variance (channels,);
    eps.  Always the running statistics."""
    AFFINE = "affine"
    """gamma * x + beta per channel; gamma, beta (channels,)."""
    RELU = "relu"
    """max(0, x)."""
    MAX_POOL = "max_pool"
    """Maximum over kernel (rows, columns); strides, pads (top, left, bottom, right)."""
    AVG_POOL = "avg_pool"
    """Mean over the pixels of the kernel that are inside; kernel, strides, pads."""
    GLOBAL_AVG_POOL = "global_avg_pool"
    """Mean over all rows and columns; (n, channels, 1, 1)."""
    PAD = "pad"
    """Zeros appended: channels, rows, columns at the end of each axis."""
    ADD = "add"
    """Sum of two inputs of equal shape."""
    FC = "fc"
    """x flattened in (channel, row, column) order, times weight (in, out), plus bias (out,) or
    none; (n, out, 1, 1)."""

    def __str__(self) -> str:
        return self.value
