"""The closed set of operations a graph is made of.

Values are float32, (n, channels, rows, columns); ``n`` is the batch.  Only inputs of TO_TENSOR,
TO_PLANES and FLATTEN_PIXELS differ.  Source of the semantics: dlib ``cpu_dlib.cpp``, ``layers.h``.
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
    FLATTEN_PIXELS = "flatten_pixels"
    """(n, h, w, channels) float32 to (n, 1, h, w * channels), as it lies in memory."""
    CONV = "conv"
    """Cross-correlation.  weight (out, in / groups, rows, columns), bias (out,) or none;
    strides (y, x), pads (top, left, bottom, right), groups.  Of an int8 network it may have unit
    (out,): weights times the steps of what they take are whole multiples of it, 127 at most."""
    CONV_TRANSPOSE = "conv_transpose"
    """The gradient of a convolution.  weight (in, out, rows, columns), bias (out,) or none;
    strides (y, x), pads, groups 1; a side becomes stride * (side - 1) + kernel - pads."""
    BATCH_NORM = "batch_norm"
    """gamma * (x - mean) / sqrt(variance + eps) + beta; gamma, beta, mean, variance (channels,);
    eps.  Always the running statistics."""
    AFFINE = "affine"
    """gamma * x + beta per channel; gamma, beta (channels,)."""
    LAYER_NORM = "layer_norm"
    """gamma * (x - mean) / sqrt(mean of x * x - mean * mean + eps) + beta, the means over all of a
    sample; gamma, beta (channels,); eps.  Sums are taken in float32, one number after the other,
    as dlib does: of the 45,864 numbers of a vision transformer, which are all positive, that
    changes the deviation by 1e-4."""
    RMS_NORM = "rms_norm"
    """gamma * x / sqrt(mean of x * x + eps), the mean over all of a sample, as above; gamma
    (channels,); eps."""
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
    GELU = "gelu"
    """x * (1 + erf(x / sqrt 2)) / 2."""
    SCALE = "scale"
    """x * factor; factor."""
    MAX_POOL = "max_pool"
    """Maximum over kernel (rows, columns); strides, pads (top, left, bottom, right)."""
    AVG_POOL = "avg_pool"
    """Mean over the pixels of the kernel that are inside; kernel, strides, pads."""
    GLOBAL_AVG_POOL = "global_avg_pool"
    """Mean over all rows and columns; (n, channels, 1, 1)."""
    QUANTISE = "quantise"
    """x rounded to 256 levels: steps * (round((x - lows) / steps) within -zero and 255 - zero)
    + lows, halves to even; steps and, if need be, lows (channels,); zero, 0 to 255.  Stored as
    bytes by backends that run int8."""
    PAD = "pad"
    """Zeros appended: channels, rows, columns at the end of each axis."""
    ADD = "add"
    """Sum of two inputs of equal shape."""
    CONCAT = "concat"
    """The channels of all inputs, one after the other; rows and columns are equal."""
    INTERLEAVE = "interleave"
    """Pixel (y, x) of input (i, j) becomes pixel (y * strides[0] + i, x * strides[1] + j); inputs
    are ordered by i, then j.  strides; of the result, the first rows and columns are kept."""
    CELLS = "cells"
    """What maps say of their cells: each input is (n, anchors * size, rows, columns); the output,
    (n, 1, all, size), has one row per row, column and anchor of each input in turn; size."""
    RESIZE = "resize"
    """Bilinear, corners aligned, to rows and columns."""
    FC = "fc"
    """x flattened in (channel, row, column) order, times weight (in, out), plus bias (out,) or
    none; (n, out, 1, 1)."""
    LINEAR = "linear"
    """Each row times weight (in, out), plus bias (out,) or none; (n, channels, rows, out)."""
    MATMUL = "matmul"
    """Each plane of the first input as a matrix times that of the second."""
    SOFTMAX = "softmax"
    """e to the power of each number, over the sum of its row."""
    CAUSAL_MASK = "causal_mask"
    """x, but minus infinity where the column is greater than the row."""
    ROTATE = "rotate"
    """Columns in pairs (a, b) to (a cos - b sin, a sin + b cos), an odd last one as it is;
    cos, sin (rows, columns // 2)."""
    TRANSPOSE = "transpose"
    """Rows become columns."""
    RESHAPE = "reshape"
    """The same numbers in the same order; channels, rows, columns."""

    def __str__(self) -> str:
        return self.value
