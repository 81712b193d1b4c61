"""The closed set of operations a graph is made of.

Values are float32, (n, channels, rows, columns); ``n`` is the batch.  Only inputs of TO_TENSOR,
TO_PLANES and INTERLEAVE differ.  Source of the semantics: dlib ``cpu_dlib.cpp``, ``layers.h``.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Op"]


class Op(str, Enum):
    """An operation; the comment gives its parameters and attributes."""

    TO_TENSOR = "to_tensor"
    """(n, h, w, 3) uint8 RGB, or (n, h, w) uint8 gray, to (value - mean) * scale.
    mean: a float 0..255 per channel; scale."""
    TO_PLANES = "to_planes"
    """(n, h, w, channels) float32 to (n, channels, h, w)."""
    INTERLEAVE = "interleave"
    """(n, h, w, channels) float32 to (n, 1, h, w * channels), as it lies in memory."""
    CONV = "conv"
    """Cross-correlation.  weight (out, in / groups, rows, columns), bias (out,) or none;
    strides (y, x), pads (top, left, bottom, right), groups."""
    CONV_TRANSPOSE = "conv_transpose"
    """The gradient of a convolution.  weight (in, out, rows, columns), bias (out,) or none;
    strides (y, x), pads, groups 1; a side becomes stride * (side - 1) + kernel - pads."""
    BATCH_NORM = "batch_norm"
    """gamma * (x - mean) / sqrt(variance + eps) + beta; gamma, beta, mean, variance (channels,);
    eps.  Always the running statistics."""
    AFFINE = "affine"
    """gamma * x + beta per channel; gamma, beta (channels,)."""
    RELU = "relu"
    """max(0, x)."""
    LEAKY_RELU = "leaky_relu"
    """x where it is positive, else alpha * x; alpha."""
    CLIP = "clip"
    """x, but at least low and at most high; low, high."""
    PRELU = "prelu"
    """x where it is positive, else alpha * x; alpha (channels,)."""
    SIGMOID = "sigmoid"
    """1 / (1 + exp(-x))."""
    SCALE = "scale"
    """x * factor; factor."""
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
    CONCAT = "concat"
    """The channels of all inputs, one after the other; rows and columns are equal."""
    CELLS = "cells"
    """What maps say of their cells: each input is (n, anchors * size, rows, columns); the output,
    (n, 1, all, size), has one row per row, column and anchor of each input in turn; size."""
    RESIZE = "resize"
    """Bilinear, corners aligned, to rows and columns."""
    FC = "fc"
    """x flattened in (channel, row, column) order, times weight (in, out), plus bias (out,) or
    none; (n, out, 1, 1)."""

    def __str__(self) -> str:
        return self.value
