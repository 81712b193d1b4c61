"""Writes small dlib files, so that readers can be tested without real ones."""

from __future__ import annotations

import math

import numpy as np

from phiz.graph.arch import Arch
from phiz.graph.layers import AddPrev, Affine, AvgPool, Con, Fc, MaxPool, Relu, Skip, Tag


def integer(value: int) -> bytes:
    magnitude = abs(value)
    body = magnitude.to_bytes(max(1, (magnitude.bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


def number(value: float, digits: int = 24) -> bytes:
    """Write as dlib does: digits is 24 for a float, 53 for a double."""
    fraction, exponent = math.frexp(value)
    mantissa, exponent = int(fraction * 2**digits), exponent - digits
    for _ in range(8):
        if mantissa & 0xFF:
            break
        mantissa, exponent = mantissa >> 8, exponent + 8
    return integer(mantissa) + integer(exponent)


def double(value: float) -> bytes:
    return number(value, 53)


def string(text: str) -> bytes:
    return integer(len(text)) + text.encode()


def tensor(array: np.ndarray | None = None) -> bytes:
    if array is None:
        array = np.zeros((0, 0, 0, 0), np.float32)
    shape = (*array.shape, *[1] * (4 - array.ndim))
    return integer(2) + b"".join(map(integer, shape)) + array.astype("<f4").tobytes()


def alias(*shape: int) -> bytes:
    return integer(1) + b"".join(map(integer, shape or (0, 0, 0, 0)))


def matrix(values: np.ndarray, digits: int = 24) -> bytes:
    column = values.reshape(-1)
    head = integer(-len(column)) + integer(-1)
    return head + b"".join(number(float(v), digits) for v in column)


_MULTIPLIERS = double(1.0) + double(1.0) + double(1.0) + double(0.0)
_STATE = b"110" + tensor() + tensor()


def _details(layer: object, random: np.random.Generator, channels: int, norm: str) -> bytes:
    """Return what a layer writes of itself, with random parameters."""

    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))).astype(np.float32)

    if isinstance(layer, Con):
        n, s = layer.filters, layer.side
        params = np.concatenate([weights(n, channels, s, s).reshape(-1), weights(n) * 0.1])
        sizes = [n, s, s, layer.stride, layer.stride, layer.padding, layer.padding]
        return (
            string("con_4") + tensor(params) + b"".join(map(integer, sizes))
            + alias(n, channels, s, s) + alias(1, n, 1, 1) + _MULTIPLIERS
        )  # fmt: skip
    if isinstance(layer, Affine):
        gamma = 1 + 0.1 * random.standard_normal(channels)
        params = np.concatenate([gamma, 0.1 * random.standard_normal(channels)])
        views = alias(1, channels, 1, 1) * 2
        if norm == "affine_":
            return string("affine_") + tensor(params) + views + integer(0)
        mean, variance = random.standard_normal(channels) * 0.1, 1 + random.random(channels)
        stats = [tensor(v.reshape(1, -1, 1, 1)) for v in (mean, variance, mean, variance)]
        return (
            string("bn_con2") + tensor(params) + views + b"".join(stats) + integer(7)
            + integer(100) + double(1.0) + double(0.0) + double(1.0) + double(0.0) + double(1e-4)
        )  # fmt: skip
    if isinstance(layer, Fc):
        inputs = channels
        params = weights(inputs + layer.bias, layer.outputs)
        bias = alias(1, layer.outputs, 1, 1) if layer.bias else alias()
        return (
            string("fc_2") + integer(layer.outputs) + integer(inputs) + tensor(params)
            + alias(inputs, layer.outputs, 1, 1) + bias + integer(0 if layer.bias else 1)
            + _MULTIPLIERS
        )  # fmt: skip
    if isinstance(layer, (MaxPool, AvgPool)):
        name = "max_pool_2" if isinstance(layer, MaxPool) else "avg_pool_2"
        sizes = [layer.side, layer.side, layer.stride, layer.stride, 0, 0]
        return string(name) + b"".join(map(integer, sizes))
    return string({Relu: "relu_", AddPrev: "add_prev_"}[type(layer)])


def network(arch: Arch, *, seed: int = 0, norm: str = "affine_") -> bytes:
    """Write a network of this architecture with random parameters.

    norm: write ``Affine`` layers as "affine_" or as "bn_con2".
    """
    random = np.random.default_rng(seed)
    out = b""
    if arch.loss is not None:
        out += integer(1) + string("loss_metric_2") + number(0.04) + number(0.6)
    for index in reversed(range(len(arch.layers))):
        plain = isinstance(arch.layers[index], (Tag, Skip))
        out += integer(1 if plain else 3 if index == 0 else 2)
    out += string("input_rgb_image_sized" if arch.input.sized else "input_rgb_image")
    out += number(122.782) + number(117.001) + number(104.298)
    if arch.input.sized:
        out += integer(arch.input.size) * 2
    channels, tags = 3, {}
    for index, layer in enumerate(arch.layers):
        if isinstance(layer, Tag):
            tags[layer.number] = channels
            continue
        if isinstance(layer, Skip):
            channels = tags[layer.number]
            continue
        out += _details(layer, random, channels, norm) + _STATE + tensor()
        if index == 0:
            out += integer(1)  # sample expansion factor
        if isinstance(layer, Con):
            channels = layer.filters
        elif isinstance(layer, Fc):
            channels = layer.outputs
        elif isinstance(layer, AddPrev):
            channels = max(channels, tags[layer.number])
    return out


def shape_predictor(
    *, points: int = 5, cascades: int = 2, trees: int = 3, depth: int = 2, pixels: int = 9,
    seed: int = 0,
) -> bytes:  # fmt: skip
    """Write a shape predictor with random trees."""
    random = np.random.default_rng(seed)
    splits = 2**depth - 1
    out = integer(1) + matrix(random.random(2 * points)) + integer(cascades)
    for _ in range(cascades):
        out += integer(trees)
        for _ in range(trees):
            out += integer(splits)
            for _ in range(splits):
                pair = random.integers(0, pixels, 2).tolist()
                out += integer(pair[0]) + integer(pair[1]) + number(random.normal(0, 20))
            out += integer(splits + 1)
            for _ in range(splits + 1):
                out += matrix(random.standard_normal(2 * points) * 0.01)
    out += integer(cascades)
    for _ in range(cascades):
        out += integer(pixels) + b"".join(map(integer, random.integers(0, points, pixels).tolist()))
    out += integer(cascades)
    for _ in range(cascades):
        out += integer(pixels)
        out += b"".join(number(float(v)) for v in random.normal(0, 0.1, 2 * pixels))
    return out


def fhog_detector(*, window: int = 32, detectors: int = 2, seed: int = 0) -> bytes:
    """Write a HOG detector with random filters for a square window."""
    from phiz.formats.dlib_fhog import filter_side

    random = np.random.default_rng(seed)
    side = filter_side(window, 8, 0)
    dims = 31 * side * side
    out = integer(2) + integer(1) + integer(0) + integer(0)
    for value in (8, 0, window, window, 1000, 32, 32):
        out += integer(value)
    out += double(9.0) + integer(dims) + double(0.3) + double(0.8) + integer(detectors)
    for _ in range(detectors):
        out += matrix(np.append(random.standard_normal(dims) * 0.05, 1.0), 53)
    return out
