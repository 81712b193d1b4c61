"""What dlib writes for each kind of layer: the counterpart of ``dlib_layers``.

What parameters that were not read from a file may leave unsaid gets dlib's defaults.
Source: dlib ``layers.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from phiz.checks import F32, check
from phiz.errors import ShapeError
from phiz.formats.dlib_layers import MINUS_INFINITY
from phiz.formats.dlib_write_stream import (
    DOUBLE,
    write_alias,
    write_bool,
    write_float,
    write_int,
    write_matrix,
    write_string,
    write_tensor,
)
from phiz.graph.arch import LayerParams
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Fc,
    Gelu,
    Layer,
    LayerNorm,
    LeakyRelu,
    Linear,
    MaxPool,
    Multiply,
    MultmPrev,
    PatchesToSequence,
    Relu,
    ReshapeTo,
    ResizeTo,
    RmsNorm,
    Rotary,
    Sig,
    Softmaxm,
    Transpose,
    TrilMask,
)

__all__ = ["wanted_kind", "write_layer"]

_MULTIPLIERS = {
    "learning_rate_multiplier": 1.0,
    "weight_decay_multiplier": 1.0,
    "bias_learning_rate_multiplier": 1.0,
    "bias_weight_decay_multiplier": 0.0,
}
_NORM_MULTIPLIERS = {
    "learning_rate_multiplier": 1.0,
    "weight_decay_multiplier": 0.0,
    "bias_learning_rate_multiplier": 1.0,
    "bias_weight_decay_multiplier": 1.0,
}
# What layers without parameters are called where they do not come from dlib's own file.
_NAMES = {
    "addprev": "add_prev_",
    "avgpool": "avg_pool_2",
    "concat": "concat_",
    "gelu": "gelu_",
    "maxpool": "max_pool_2",
    "multmprev": "multm_prev_",
    "patchestosequence": "patches_to_sequence_",
    "relu": "relu_",
    "reshapeto": "reshape_to_",
    "resizeto": "resize_prev_to_tagged_",
    "sig": "sig_",
    "softmaxm": "softmax_",
    "transpose": "transpose_",
    "trilmask": "tril_",
}
_EMPTY = np.zeros((0, 0, 0, 0), np.float32)


def wanted_kind(have: LayerParams, kinds: tuple[str, ...], what: str) -> str:
    """Return the name under which a layer is written; ShapeError unless it is one of ``kinds``."""
    kind = _NAMES.get(have.kind, have.kind)
    if kind not in kinds:
        raise ShapeError(f"{what}: wanted the kind {' or '.join(kinds)}, found {have.kind!r}")
    return kind


def _array(have: LayerParams, key: str, shape: tuple[int | None, ...], what: str) -> F32:
    if key not in have.arrays:
        raise ShapeError(f"{what}: wanted an array {key}, found {', '.join(have.arrays) or 'none'}")
    array = have.arrays[key]
    check(array, shape, dtype=np.float32, name=f"{key} of {what}")
    return array


def _doubles(meta: Mapping[str, Any], defaults: Mapping[str, float]) -> bytes:
    return b"".join(write_float(meta.get(key, value), DOUBLE) for key, value in defaults.items())


def _flat(*parts: F32) -> F32:
    return np.concatenate([part.reshape(-1) for part in parts])


def _bias(have: LayerParams, count: int, what: str) -> tuple[F32, bytes]:
    """Return a layer's biases and the view that its file has of them."""
    if "bias" not in have.arrays:
        return np.zeros(0, np.float32), write_alias()
    return _array(have, "bias", (count,), what), write_alias(1, count)


def _write_con(layer: Con, have: LayerParams, what: str) -> bytes:
    transposed = isinstance(layer, Cont)
    kinds = ("cont_1", "cont_2") if transposed else ("con_4", "con_5", "con_6")
    kind = wanted_kind(have, kinds, what)
    outer = (None, layer.filters) if transposed else (layer.filters, None)
    weight = _array(have, "weight", (*outer, layer.side, layer.side), what)
    bias, view = _bias(have, layer.filters, what)
    sizes = (layer.filters, *[layer.side] * 2, *[layer.stride] * 2, *[layer.padding] * 2)
    out = write_string(kind) + write_tensor(_flat(weight, bias)) + b"".join(map(write_int, sizes))
    out += write_alias(*weight.shape) + view + _doubles(have.meta, _MULTIPLIERS)
    if kind not in ("con_4", "cont_1"):
        out += write_bool(have.meta.get("use_bias", bias.size > 0))
    if kind == "con_6":
        out += write_bool(have.meta.get("use_relu", False))
    return out


def _write_batch_norm(have: LayerParams, what: str) -> bytes:
    gamma = _array(have, "gamma", (None,), what)
    count = len(gamma)
    others = [_array(have, key, (count,), what) for key in ("beta", "mean", "variance")]
    meta, per_channel = have.meta, (1, count, 1, 1)
    running = [array.reshape(per_channel) for array in others[1:]]
    eps = float(meta.get("eps", 1e-4))
    stored = (
        meta.get("means", running[0]),
        meta.get("invstds", (1 / np.sqrt(running[1] + np.float32(eps))).astype(np.float32)),
        *running,
    )
    return (
        write_string(have.kind)
        + write_tensor(_flat(gamma, others[0]))
        + 2 * write_alias(*per_channel)
        + b"".join(map(write_tensor, stored))
        + write_int(meta.get("num_updates", 0))
        + write_int(meta.get("running_stats_window_size", 100))
        + _doubles(meta, _NORM_MULTIPLIERS)
        + write_float(eps, DOUBLE)
    )


def _write_affine(_layer: Affine, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("affine_", "affine_2", "bn_con2", "bn_fc2"), what)
    if kind.startswith("bn_"):
        return _write_batch_norm(have, what)
    gamma = _array(have, "gamma", (None,), what)
    beta = _array(have, "beta", (len(gamma),), what)
    channels = len(gamma) or have.meta.get("channels", 0)
    view = write_alias(1, channels) if channels else write_alias()
    out = write_string(kind) + write_tensor(_flat(gamma, beta) if gamma.size else _EMPTY)
    out += 2 * view + write_int(have.meta.get("mode", 0))
    return out + write_bool(have.meta.get("disabled", False)) if kind == "affine_2" else out


def _write_relu(_layer: Relu, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("relu_", "relu_2"), what)
    flag = write_bool(have.meta.get("disabled", False)) if kind == "relu_2" else b""
    return write_string(kind) + flag


def _write_pool(layer: MaxPool | AvgPool, have: LayerParams, what: str) -> bytes:
    kinds = ("max_pool_2" if isinstance(layer, MaxPool) else "avg_pool_2",)
    pad = layer.pad if isinstance(layer, MaxPool) else 0
    sizes = (*[layer.side] * 2, *[layer.stride] * 2, *[pad] * 2)
    return write_string(wanted_kind(have, kinds, what)) + b"".join(map(write_int, sizes))


def _write_fc(layer: Fc, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("fc_2", "fc_3"), what)
    weight = _array(have, "weight", (None, layer.outputs), what)
    bias, view = _bias(have, layer.outputs, what)
    params = np.concatenate([weight, bias.reshape(-1, layer.outputs)])
    out = write_string(kind) + write_int(layer.outputs) + write_int(len(weight))
    out += write_tensor(params) + write_alias(*weight.shape) + view
    out += write_int(0 if layer.bias else 1) + _doubles(have.meta, _MULTIPLIERS)
    use_bias = have.meta.get("use_bias", bias.size > 0 or not layer.bias)
    return out + write_bool(use_bias) if kind == "fc_3" else out


def _write_linear(layer: Linear, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("linear_",), what)
    weight = _array(have, "weight", (None, layer.outputs), what)
    parts, view = [weight], write_alias()
    if layer.bias:
        parts.append(_array(have, "bias", (layer.outputs,), what)[None])
        view = write_alias(1, layer.outputs)
    out = write_string(kind) + write_int(layer.outputs) + write_int(len(weight))
    out += write_tensor(np.concatenate(parts)) + write_alias(*weight.shape) + view
    out += write_int(0 if layer.bias else 1)
    return out + _doubles(have.meta, {"learning_rate_multiplier": 1.0})


def _write_norm(layer: LayerNorm | RmsNorm, have: LayerParams, what: str) -> bytes:
    centred = isinstance(layer, LayerNorm)
    kind = wanted_kind(have, ("layer_norm_" if centred else "rms_norm_",), what)
    gamma = _array(have, "gamma", (None,), what)
    parts = [gamma, _array(have, "beta", (len(gamma),), what)] if centred else [gamma]
    out = write_string(kind) + write_tensor(_flat(*parts))
    out += len(parts) * write_alias(1, len(gamma))
    if centred:
        out += b"".join(write_tensor(have.meta.get(key, _EMPTY)) for key in ("means", "invstds"))
    out += _doubles(have.meta, _NORM_MULTIPLIERS)
    return out + write_float(have.meta.get("eps", 1e-5), DOUBLE)


def _write_reshape(layer: ReshapeTo, have: LayerParams, what: str) -> bytes:
    sides = (*have.meta.get("from", (0, 0, 0)), layer.channels, layer.rows, layer.columns)
    out = write_string(wanted_kind(have, ("reshape_to_",), what))
    return out + b"".join(map(write_int, sides)) + write_bool(False)


def _write_tril(_layer: TrilMask, have: LayerParams, what: str) -> bytes:
    out = write_string(wanted_kind(have, ("tril_",), what))
    return out + b"".join(map(write_int, (0, *MINUS_INFINITY)))


def _write_rotary(_layer: Rotary, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("rotary_positional_embedding_",), what)
    cos = _array(have, "cos", (None, None), what)
    sin = _array(have, "sin", cos.shape, what)
    # The angles themselves are read by nothing.
    angles = have.meta.get("angles", np.arctan2(sin, cos))
    out = write_string(kind) + write_int(len(cos))
    out += write_int(have.meta.get("columns", 2 * cos.shape[1]))
    return out + b"".join(map(write_matrix, (angles, cos, sin)))


def _write_leaky_relu(_layer: LeakyRelu, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("leaky_relu_",), what)
    return write_string(kind) + write_float(have.meta.get("alpha", float(np.float32(0.01))))


def _write_multiply(_layer: Multiply, have: LayerParams, what: str) -> bytes:
    kind = wanted_kind(have, ("multiply_", "dropout_"), what)
    key = "value" if kind == "multiply_" else "drop_rate"
    if key not in have.meta:
        raise ShapeError(f"{what}: wanted {key} of {kind}, found {', '.join(have.meta) or 'none'}")
    out = write_string(kind) + write_float(have.meta[key])
    return out if kind == "multiply_" else out + write_tensor(have.meta.get("mask", _EMPTY))


def _write_concat(layer: Concat, have: LayerParams, what: str) -> bytes:
    return write_string(wanted_kind(have, ("concat_",), what)) + write_int(len(layer.tags))


def _nameless(kind: str) -> Callable[[Layer, LayerParams, str], bytes]:
    """Return the writer of a layer of which a file has the name only."""
    return lambda _layer, have, what: write_string(wanted_kind(have, (kind,), what))


_WRITERS: Mapping[type, Callable[[Any, LayerParams, str], bytes]] = {
    AddPrev: _nameless("add_prev_"),
    Affine: _write_affine,
    AvgPool: _write_pool,
    Con: _write_con,
    Concat: _write_concat,
    Cont: _write_con,
    Fc: _write_fc,
    Gelu: _nameless("gelu_"),
    LayerNorm: _write_norm,
    LeakyRelu: _write_leaky_relu,
    Linear: _write_linear,
    MaxPool: _write_pool,
    MultmPrev: _nameless("multm_prev_"),
    Multiply: _write_multiply,
    PatchesToSequence: _nameless("patches_to_sequence_"),
    Relu: _write_relu,
    ReshapeTo: _write_reshape,
    ResizeTo: _nameless("resize_prev_to_tagged_"),
    RmsNorm: _write_norm,
    Rotary: _write_rotary,
    Sig: _nameless("sig_"),
    Softmaxm: _nameless("softmax_"),
    Transpose: _nameless("transpose_"),
    TrilMask: _write_tril,
}


def write_layer(layer: Layer, have: LayerParams, what: str) -> bytes:
    """Write the details of a layer; ``what`` names it in errors.

    ShapeError where its parameters are not those of such a layer.
    """
    return _WRITERS[type(layer)](layer, have, what)
