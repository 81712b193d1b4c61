"""Writes small dlib files, so that readers can be tested without real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phiz.graph.arch import Arch
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Fc,
    Gelu,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    Layer,
    LayerNorm,
    LeakyRelu,
    Linear,
    LossBarlowTwins,
    LossMetric,
    LossMmod,
    MaxPool,
    Multiply,
    MultmPrev,
    PatchesToSequence,
    Relu,
    Repeat,
    ReshapeTo,
    ResizeTo,
    RmsNorm,
    Rotary,
    Sig,
    Skip,
    Softmaxm,
    Tag,
    Transpose,
    TrilMask,
)


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


def flag(value: bool) -> bytes:
    return b"1" if value else b"0"


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
_FLAGS = b"110"


@dataclass(frozen=True)
class Dialect:
    """Which of the forms that dlib has had are written.

    bias, use_relu: of convolutions (con_5 and con_6 say so).  disabled: what relu_2 and affine_2
    say of themselves.  pyramid2: the pyramid states its paddings.  mmod: version of the options.
    """

    con: str = "con_4"
    cont: str = "cont_1"
    fc: str = "fc_2"
    norm: str = "affine_"
    relu: str = "relu_"
    multiply: str = "multiply_"
    bias: bool = True
    use_relu: bool = False
    disabled: bool = False
    pyramid2: bool = False
    mmod: int = 4


Shape = tuple[int, int, int]  # channels, rows, columns
_ASIDE = (Tag, Skip)  # of these a file has a version and no fields


_NAMES = {
    AddPrev: "add_prev_",
    Gelu: "gelu_",
    MultmPrev: "multm_prev_",
    PatchesToSequence: "patches_to_sequence_",
    ResizeTo: "resize_prev_to_tagged_",
    Sig: "sig_",
    Softmaxm: "softmax_",
    Transpose: "transpose_",
}


class _Network:
    """Writes one network; sizes are followed so that parameters fit."""

    def __init__(self, arch: Arch, seed: int, dialect: Dialect) -> None:
        self.arch = arch
        self.random = np.random.default_rng(seed)
        self.dialect = dialect
        self.tags: dict[int, Shape] = {}

    def weights(self, *shape: int) -> np.ndarray:
        values = self.random.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        return values.astype(np.float32)

    def con(self, layer: Con, channels: int) -> bytes:
        n, s = layer.filters, layer.side
        kind = self.dialect.cont if isinstance(layer, Cont) else self.dialect.con
        shape = (channels, n, s, s) if isinstance(layer, Cont) else (n, channels, s, s)
        bias = self.dialect.bias or kind in ("con_4", "cont_1")
        params = self.weights(*shape).reshape(-1)
        if bias:
            params = np.concatenate([params, self.weights(n) * 0.1])
        sizes = [n, s, s, layer.stride, layer.stride, layer.padding, layer.padding]
        out = string(kind) + tensor(params) + b"".join(map(integer, sizes)) + alias(*shape)
        out += (alias(1, n, 1, 1) if bias else alias()) + _MULTIPLIERS
        if kind not in ("con_4", "cont_1"):
            out += flag(bias)
        return out + (flag(self.dialect.use_relu) if kind == "con_6" else b"")

    def affine(self, channels: int) -> bytes:
        kind = self.dialect.norm
        gamma = 1 + 0.1 * self.random.standard_normal(channels)
        params = np.concatenate([gamma, 0.1 * self.random.standard_normal(channels)])
        views = alias(1, channels, 1, 1) * 2
        if kind.startswith("affine_"):
            out = string(kind) + tensor(params) + views + integer(0)
            return out + (flag(self.dialect.disabled) if kind == "affine_2" else b"")
        mean = self.random.standard_normal(channels) * 0.1
        variance = 1 + self.random.random(channels)
        stats = [tensor(v.reshape(1, -1, 1, 1)) for v in (mean, variance, mean, variance)]
        return (
            string(kind) + tensor(params) + views + b"".join(stats) + integer(7)
            + integer(100) + double(1.0) + double(0.0) + double(1.0) + double(0.0) + double(1e-4)
        )  # fmt: skip

    def fc(self, layer: Fc, inputs: int) -> bytes:
        params = self.weights(inputs + layer.bias, layer.outputs)
        bias = alias(1, layer.outputs, 1, 1) if layer.bias else alias()
        out = string(self.dialect.fc) + integer(layer.outputs) + integer(inputs) + tensor(params)
        out += alias(inputs, layer.outputs, 1, 1) + bias + integer(0 if layer.bias else 1)
        return out + _MULTIPLIERS + (flag(layer.bias) if self.dialect.fc == "fc_3" else b"")

    def linear(self, layer: Linear, inputs: int) -> bytes:
        params = self.weights(inputs + layer.bias, layer.outputs)
        bias = alias(1, layer.outputs, 1, 1) if layer.bias else alias()
        out = string("linear_") + integer(layer.outputs) + integer(inputs) + tensor(params)
        out += alias(inputs, layer.outputs, 1, 1) + bias
        return out + integer(0 if layer.bias else 1) + double(1.0)

    def norm(self, layer: LayerNorm | RmsNorm, channels: int) -> bytes:
        view = alias(1, channels, 1, 1)
        params = 1 + 0.1 * self.random.standard_normal(channels)
        if isinstance(layer, RmsNorm):
            out = string("rms_norm_") + tensor(params) + view
        else:
            params = np.concatenate([params, 0.1 * self.random.standard_normal(channels)])
            out = string("layer_norm_") + tensor(params) + 2 * view + 2 * tensor()
        return out + double(1.0) + double(0.0) + double(1.0) + double(1.0) + double(1e-5)

    def rotary(self, rows: int, columns: int) -> bytes:
        angles = self.random.random((rows, columns // 2)) * 6
        tables = [integer(-rows) + integer(-(columns // 2))] * 3
        for index, values in enumerate((angles, np.cos(angles), np.sin(angles))):
            tables[index] += b"".join(number(float(v)) for v in values.astype(np.float32).flat)
        head = string("rotary_positional_embedding_") + integer(rows) + integer(columns)
        return head + b"".join(tables)

    def details(self, layer: object, have: Shape) -> bytes:
        """Return what a layer writes of itself, with random parameters."""
        if isinstance(layer, Con):
            return self.con(layer, have[0])
        if isinstance(layer, Affine):
            return self.affine(have[0])
        if isinstance(layer, Fc):
            return self.fc(layer, math.prod(have))
        if isinstance(layer, (MaxPool, AvgPool)):
            name = "max_pool_2" if isinstance(layer, MaxPool) else "avg_pool_2"
            pad = layer.pad if isinstance(layer, MaxPool) else 0
            sizes = [layer.side, layer.side, layer.stride, layer.stride, pad, pad]
            return string(name) + b"".join(map(integer, sizes))
        if isinstance(layer, Relu):
            extra = flag(self.dialect.disabled) if self.dialect.relu == "relu_2" else b""
            return string(self.dialect.relu) + extra
        if isinstance(layer, LeakyRelu):
            return string("leaky_relu_") + number(0.01)
        if isinstance(layer, Multiply):
            mask = tensor() if self.dialect.multiply == "dropout_" else b""
            return string(self.dialect.multiply) + number(0.25) + mask
        if isinstance(layer, Concat):
            return string("concat_") + integer(len(layer.tags))
        if isinstance(layer, Linear):
            return self.linear(layer, have[2])
        if isinstance(layer, (LayerNorm, RmsNorm)):
            return self.norm(layer, have[0])
        if isinstance(layer, Rotary):
            return self.rotary(*have[1:])
        if isinstance(layer, ReshapeTo):
            sides = (*have, layer.channels, layer.rows, layer.columns)
            return string("reshape_to_") + b"".join(map(integer, sides)) + flag(False)
        if isinstance(layer, TrilMask):
            return string("tril_") + integer(0) + integer(0) + integer(32001)  # minus infinity
        return string(_NAMES[type(layer)])

    def after(self, layer: object, have: Shape) -> Shape:
        """Return the shape behind a layer."""
        channels, rows, columns = have
        if isinstance(layer, Cont):
            grow = layer.side - layer.stride - 2 * layer.padding
            return layer.filters, rows * layer.stride + grow, columns * layer.stride + grow
        if isinstance(layer, Con):
            reach = layer.side - 2 * layer.padding
            sides = ((side - reach) // layer.stride + 1 for side in (rows, columns))
            return layer.filters, *sides
        if isinstance(layer, (MaxPool, AvgPool)):
            if layer.side == 0:
                return channels, 1, 1
            pad = layer.pad if isinstance(layer, MaxPool) else 0
            reach = layer.side - 2 * pad
            sides = ((side - reach) // layer.stride + 1 for side in (rows, columns))
            return channels, *sides
        if isinstance(layer, Fc):
            return layer.outputs, 1, 1
        if isinstance(layer, Skip):
            return self.tags[layer.number]
        if isinstance(layer, AddPrev):
            a, b = have, self.tags[layer.number]
            return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])
        if isinstance(layer, Concat):
            return sum(self.tags[tag][0] for tag in layer.tags), rows, columns
        if isinstance(layer, ResizeTo):
            return channels, *self.tags[layer.number][1:]
        if isinstance(layer, Linear):
            return channels, rows, layer.outputs
        if isinstance(layer, MultmPrev):
            return channels, rows, self.tags[layer.number][2]
        if isinstance(layer, ReshapeTo):
            return layer.channels, layer.rows, layer.columns
        if isinstance(layer, PatchesToSequence):
            return 1, rows * columns, channels
        if isinstance(layer, Transpose):
            return channels, columns, rows
        if isinstance(layer, Tag):
            self.tags[layer.number] = have
        return have

    def layers(self, layers: tuple[Layer, ...], have: Shape, ahead: bytes) -> tuple[bytes, Shape]:
        """Write layers that stand on an input layer, of which ``ahead`` is all that is written.

        A file has them from the output down, but shapes are known from the input up.
        """
        fields, repeats = [], {}
        for index, layer in enumerate(layers):
            if isinstance(layer, Repeat):
                groups = []
                for _ in range(layer.count):
                    group, have = self.layers(layer.layers, have, b"")
                    groups.append(group)
                repeats[index] = integer(1) + integer(layer.count) + b"".join(reversed(groups))
                continue
            if index == 0:
                fields.append(ahead)
                if isinstance(layer, _ASIDE):
                    fields.append(tensor() + tensor() + flag(True) + integer(1))
            if not isinstance(layer, _ASIDE):
                fields.append(self.details(layer, have) + _FLAGS + 3 * tensor())
                fields.append(integer(1) if index == 0 else b"")  # sample expansion factor
            have = self.after(layer, have)
        versions = []
        for index in reversed(range(len(layers))):
            aside = isinstance(layers[index], _ASIDE)
            version = (2 if aside else 3) if index == 0 else 1 if aside else 2
            versions.append(repeats.get(index, integer(version)))
        return b"".join(versions) + b"".join(fields), have

    def input(self) -> tuple[bytes, Shape]:
        """Write the input layer; returns the shape of its tensor too."""
        layer = self.arch.input
        if isinstance(layer, InputMatrix):
            channels = 1 if layer.pixels == "gray" else 3
            return string("input<matrix>"), (channels, layer.rows, layer.columns)
        if isinstance(layer, InputPlanes):
            return string("input<array<matrix>>"), (layer.planes, 1, 1)
        mean = number(122.782) + number(117.001) + number(104.298)
        if isinstance(layer, InputPyramid):
            kind = "input_rgb_image_pyramid"
            if self.dialect.pyramid2:
                return string(kind + "2") + mean + integer(10) + integer(11), (3, 1000, 1000)
            return string(kind) + mean, (3, 1000, 1000)
        if layer.sized:
            sides = integer(layer.size) * 2
            return string("input_rgb_image_sized") + mean + sides, (3, layer.size, layer.size)
        return string("input_rgb_image") + mean, (3, layer.size, layer.size)

    def loss(self) -> bytes:
        loss = self.arch.loss
        if loss is None:
            return b""
        if isinstance(loss, LossMetric):
            return integer(1) + string("loss_metric_2") + number(0.04) + number(0.6)
        if isinstance(loss, LossBarlowTwins):
            return integer(1) + string("loss_barlow_twins_") + number(0.0051)
        if isinstance(loss, LossMmod):
            return integer(1) + string("loss_mmod_") + mmod_options(self.dialect.mmod)
        return integer(1) + string(loss.name)


def mmod_options(version: int) -> bytes:
    """Write the options of max-margin object detection."""
    out = integer(version)
    if version == 1:
        out += integer(80) + integer(70)
    else:
        out += integer(2)
        for label in ("front", "rear"):
            out += integer(2) + integer(80) + integer(60) + string(label)
    out += double(1.0) + double(1.0) + double(0.5)
    out += 2 * (double(0.4) + double(0.9))
    if version >= 3:
        out += b"\x01"
    return out + (flag(False) + double(100.0) if version >= 4 else b"")


def network(
    arch: Arch, *, seed: int = 0, norm: str = "affine_", dialect: Dialect | None = None
) -> bytes:
    """Write a network of this architecture with random parameters.

    norm: write ``Affine`` layers as "affine_" or as "bn_con2".  dialect: instead of ``norm``.
    """
    writer = _Network(arch, seed, dialect or Dialect(norm=norm))
    ahead, shape = writer.input()
    return writer.loss() + writer.layers(arch.layers, shape, ahead)[0]


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
