"""What dlib writes for each kind of layer: a name, then its fields.

Each reader returns the parameters verbatim and raises FormatError where they contradict the
architecture or each other.  Source: dlib ``layers.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from phiz.checks import F32
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import (
    Alias,
    read_alias,
    read_bool,
    read_float,
    read_int,
    read_matrix,
    read_string,
    read_tensor,
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

__all__ = ["MINUS_INFINITY", "read_layer", "read_name", "same"]

_MULTIPLIERS = (
    "learning_rate_multiplier",
    "weight_decay_multiplier",
    "bias_learning_rate_multiplier",
    "bias_weight_decay_multiplier",
)
_LARGEST = float(np.finfo(np.float32).max)

MINUS_INFINITY: Final = (0, 32001)
"""How it is written: as mantissa and exponent.  Source: dlib ``float_details.h``."""


def read_name(cursor: Cursor, wanted: tuple[str, ...], what: str) -> str:
    """Read a layer's name and return it; FormatError unless it is one of ``wanted``."""
    start = cursor.at
    found = read_string(cursor, f"the kind of {what}", longest=64)
    if found not in wanted:
        cursor.fail(f"{what} ({' or '.join(wanted)})", repr(found), at=start)
    return found


def same(cursor: Cursor, what: str, want: object, found: object, at: int) -> None:
    """Raise FormatError unless a field is what the architecture says."""
    if want != found:
        cursor.fail(f"{what} {want}", str(found), at=at)


def _multipliers(cursor: Cursor) -> dict[str, float]:
    return {key: read_float(cursor, key.replace("_", " ")) for key in _MULTIPLIERS}


def _split(cursor: Cursor, params: F32, aliases: tuple[Alias, ...], at: int) -> list[F32]:
    """Cut a layer's one parameter tensor into the parts its aliases describe."""
    total = sum(alias.size for alias in aliases)
    same(cursor, "as many parameters as their views cover:", total, params.size, at)
    flat, parts, start = params.reshape(-1), [], 0
    for alias in aliases:
        parts.append(flat[start : start + alias.size])
        start += alias.size
    return parts


def _read_con(cursor: Cursor, layer: Con, what: str) -> LayerParams:
    transposed = isinstance(layer, Cont)
    names = ("cont_1", "cont_2") if transposed else ("con_4", "con_5", "con_6")
    kind = read_name(cursor, names, what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    fields = ("filters", "rows", "columns", "stride y", "stride x", "padding y", "padding x")
    found = tuple(read_int(cursor, f"{field} of {what}") for field in fields)
    want = (layer.filters, *[layer.side] * 2, *[layer.stride] * 2, *[layer.padding] * 2)
    same(cursor, f"{what} with {', '.join(fields)} of", want, found, start)
    filters = read_alias(cursor, f"filters of {what}")
    biases = read_alias(cursor, f"biases of {what}")
    outer = (filters.shape[0], layer.filters) if transposed else (layer.filters, filters.shape[1])
    shape = (*outer, layer.side, layer.side)
    same(cursor, f"filters of {what} shaped", shape, filters.shape, start)
    meta: dict[str, Any] = _multipliers(cursor)
    if kind not in ("con_4", "cont_1"):
        meta["use_bias"] = read_bool(cursor, f"use_bias of {what}")
    if kind == "con_6":
        meta["use_relu"] = read_bool(cursor, f"use_relu of {what}")
    weight, bias = _split(cursor, params, (filters, biases), start)
    arrays = {"weight": weight.reshape(shape)}
    if bias.size:
        same(cursor, f"biases of {what}", layer.filters, bias.size, start)
        arrays["bias"] = bias
    return LayerParams(kind, arrays, meta)


def _read_single(cursor: Cursor, what: str) -> float:
    """Read a number that fits into a float32."""
    start = cursor.at
    value = read_float(cursor, what)
    if abs(value) > _LARGEST:
        cursor.fail(f"{what} of at most {_LARGEST:g}", f"{value:g}", at=start)
    return value


def _read_eps(cursor: Cursor, what: str) -> float:
    start = cursor.at
    eps = read_float(cursor, f"eps of {what}")
    if not 0 < eps <= 1:
        cursor.fail(f"an eps of {what} between 0 and 1", str(eps), at=start)
    return eps


def _read_batch_norm(cursor: Cursor, kind: str, what: str) -> LayerParams:
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    gamma_view = read_alias(cursor, f"gamma of {what}")
    beta_view = read_alias(cursor, f"beta of {what}")
    gamma, beta = _split(cursor, params, (gamma_view, beta_view), start)
    stored = [read_tensor(cursor, f"{key} of {what}") for key in ("means", "invstds")]
    mean = read_tensor(cursor, f"running means of {what}").reshape(-1)
    variance = read_tensor(cursor, f"running variances of {what}").reshape(-1)
    meta: dict[str, Any] = {
        "means": stored[0],
        "invstds": stored[1],
        "num_updates": read_int(cursor, f"updates of {what}"),
        "running_stats_window_size": read_int(cursor, f"the statistics window of {what}"),
    }
    meta |= _multipliers(cursor)
    meta["eps"] = _read_eps(cursor, what)
    arrays = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for key, array in arrays.items():
        same(cursor, f"{key} of {what} with values numbering", gamma.size, array.size, start)
    if not (variance + np.float32(meta["eps"]) > 0).all():
        cursor.fail(f"positive variances of {what}", str(float(variance.min())), at=start)
    return LayerParams(kind, arrays, meta)


def _read_affine(cursor: Cursor, _layer: Affine, what: str) -> LayerParams:
    kind = read_name(cursor, ("affine_", "affine_2", "bn_con2", "bn_fc2"), what)
    if kind.startswith("bn_"):
        return _read_batch_norm(cursor, kind, what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    views = read_alias(cursor, f"gamma of {what}"), read_alias(cursor, f"beta of {what}")
    mode = read_int(cursor, f"the mode of {what}")
    if mode not in (0, 1) or (mode == 1 and views[0].shape[2:] != (1, 1)):
        cursor.fail(f"{what} in mode 0, per channel", str(mode), at=start)
    meta: dict[str, Any] = {"mode": mode}
    if kind == "affine_2":
        meta["disabled"] = read_bool(cursor, f"whether {what} is disabled")
    if meta.get("disabled") and not params.size:  # fused away; the views keep their shape
        none = np.zeros(0, np.float32)
        meta["channels"] = views[0].shape[1]
        return LayerParams(kind, {"gamma": none, "beta": none}, meta)
    gamma, beta = _split(cursor, params, views, start)
    same(cursor, f"beta of {what} with values numbering", gamma.size, beta.size, start)
    return LayerParams(kind, {"gamma": gamma, "beta": beta}, meta)


def _read_relu(cursor: Cursor, _layer: Relu, what: str) -> LayerParams:
    kind = read_name(cursor, ("relu_", "relu_2"), what)
    meta = {}
    if kind == "relu_2":
        meta["disabled"] = read_bool(cursor, f"whether {what} is disabled")
    return LayerParams(kind, {}, meta)


def _read_pool(cursor: Cursor, layer: MaxPool | AvgPool, what: str) -> LayerParams:
    kind = read_name(cursor, ("max_pool_2" if isinstance(layer, MaxPool) else "avg_pool_2",), what)
    start = cursor.at
    fields = ("rows", "columns", "stride y", "stride x", "padding y", "padding x")
    found = tuple(read_int(cursor, f"{field} of {what}") for field in fields)
    pad = layer.pad if isinstance(layer, MaxPool) else 0
    want = (layer.side, layer.side, layer.stride, layer.stride, pad, pad)
    same(cursor, f"{what} with {', '.join(fields)} of", want, found, start)
    return LayerParams(kind, {}, {})


def _read_fc(cursor: Cursor, layer: Fc, what: str) -> LayerParams:
    kind = read_name(cursor, ("fc_2", "fc_3"), what)
    start = cursor.at
    outputs = read_int(cursor, f"outputs of {what}")
    same(cursor, f"{what} with outputs numbering", layer.outputs, outputs, start)
    inputs = read_int(cursor, f"inputs of {what}")
    params = read_tensor(cursor, f"parameters of {what}")
    weights = read_alias(cursor, f"weights of {what}")
    biases = read_alias(cursor, f"biases of {what}")
    mode = read_int(cursor, f"the bias mode of {what}")
    same(cursor, f"the bias mode of {what} (0 has one)", 0 if layer.bias else 1, mode, start)
    meta: dict[str, Any] = _multipliers(cursor)
    if kind == "fc_3":
        meta["use_bias"] = read_bool(cursor, f"use_bias of {what}")
    same(cursor, f"weights of {what} shaped", (inputs, outputs, 1, 1), weights.shape, start)
    weight, bias = _split(cursor, params, (weights, biases), start)
    arrays = {"weight": weight.reshape(inputs, outputs)}
    if bias.size:
        same(cursor, f"biases of {what}", outputs, bias.size, start)
        arrays["bias"] = bias
    return LayerParams(kind, arrays, meta)


def _read_linear(cursor: Cursor, layer: Linear, what: str) -> LayerParams:
    kind = read_name(cursor, ("linear_",), what)
    start = cursor.at
    outputs, inputs = (read_int(cursor, f"{side} of {what}") for side in ("outputs", "inputs"))
    same(cursor, f"{what} with outputs numbering", layer.outputs, outputs, start)
    params = read_tensor(cursor, f"parameters of {what}")
    weights = read_alias(cursor, f"weights of {what}")
    biases = read_alias(cursor, f"biases of {what}")
    mode = read_int(cursor, f"the bias mode of {what}")
    same(cursor, f"the bias mode of {what} (0 has one)", 0 if layer.bias else 1, mode, start)
    meta = {"learning_rate_multiplier": read_float(cursor, "learning rate multiplier")}
    same(cursor, f"weights of {what} shaped", (inputs, outputs, 1, 1), weights.shape, start)
    same(cursor, f"biases of {what}", outputs if layer.bias else 0, biases.size, start)
    weight, bias = _split(cursor, params, (weights, biases), start)
    arrays = {"weight": weight.reshape(inputs, outputs)}
    return LayerParams(kind, arrays | {"bias": bias} if layer.bias else arrays, meta)


def _read_layer_norm(cursor: Cursor, _layer: LayerNorm, what: str) -> LayerParams:
    kind = read_name(cursor, ("layer_norm_",), what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    views = read_alias(cursor, f"gamma of {what}"), read_alias(cursor, f"beta of {what}")
    gamma, beta = _split(cursor, params, views, start)
    same(cursor, f"beta of {what} with values numbering", gamma.size, beta.size, start)
    meta: dict[str, Any] = {
        key: read_tensor(cursor, f"{key} of {what}") for key in ("means", "invstds")
    }
    meta |= _multipliers(cursor)
    meta["eps"] = _read_eps(cursor, what)
    return LayerParams(kind, {"gamma": gamma, "beta": beta}, meta)


def _read_rms_norm(cursor: Cursor, _layer: RmsNorm, what: str) -> LayerParams:
    kind = read_name(cursor, ("rms_norm_",), what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    (gamma,) = _split(cursor, params, (read_alias(cursor, f"gamma of {what}"),), start)
    meta: dict[str, Any] = _multipliers(cursor)
    meta["eps"] = _read_eps(cursor, what)
    return LayerParams(kind, {"gamma": gamma}, meta)


def _read_reshape(cursor: Cursor, layer: ReshapeTo, what: str) -> LayerParams:
    kind = read_name(cursor, ("reshape_to_",), what)
    start = cursor.at
    sides = tuple(read_int(cursor, f"a side of {what}") for _ in range(6))
    want = (layer.channels, layer.rows, layer.columns)
    same(cursor, f"{what} to channels, rows and columns", want, sides[3:], start)
    if read_bool(cursor, f"whether {what} changes the size"):
        cursor.fail(f"{what} to keep the number of values", "one that resizes pictures", at=start)
    return LayerParams(kind, {}, {"from": sides[:3]})


def _read_tril(cursor: Cursor, _layer: TrilMask, what: str) -> LayerParams:
    kind = read_name(cursor, ("tril_",), what)
    start = cursor.at
    found = tuple(read_int(cursor, f"a number of {what}") for _ in range(3))
    wanted = f"{what} with minus infinity above diagonal 0, which is"
    same(cursor, wanted, (0, *MINUS_INFINITY), found, start)
    return LayerParams(kind, {}, {})


def _read_rotary(cursor: Cursor, _layer: Rotary, what: str) -> LayerParams:
    kind = read_name(cursor, ("rotary_positional_embedding_",), what)
    start = cursor.at
    rows, columns = read_int(cursor, f"rows of {what}"), read_int(cursor, f"columns of {what}")
    if rows < 1 or columns < 2:
        cursor.fail(f"rows and columns of {what}", f"{rows} x {columns}", at=start)
    angles, cos, sin = (
        read_matrix(cursor, f"{table} of {what}", (rows, columns // 2))
        for table in ("angles", "cosines", "sines")
    )
    return LayerParams(kind, {"cos": cos, "sin": sin}, {"columns": columns, "angles": angles})


def _read_leaky_relu(cursor: Cursor, _layer: LeakyRelu, what: str) -> LayerParams:
    kind = read_name(cursor, ("leaky_relu_",), what)
    return LayerParams(kind, {}, {"alpha": _read_single(cursor, f"alpha of {what}")})


def _read_multiply(cursor: Cursor, _layer: Multiply, what: str) -> LayerParams:
    kind = read_name(cursor, ("multiply_", "dropout_"), what)
    start = cursor.at
    value = _read_single(cursor, f"the number of {what}")
    if kind == "multiply_":
        return LayerParams(kind, {}, {"value": value})
    if not 0 <= value <= 1:
        cursor.fail(f"a dropout rate of {what} between 0 and 1", str(value), at=start)
    meta = {"drop_rate": value, "mask": read_tensor(cursor, f"the mask of {what}")}
    return LayerParams(kind, {}, {**meta, "value": float(np.float32(1) - np.float32(value))})


def _read_concat(cursor: Cursor, layer: Concat, what: str) -> LayerParams:
    kind = read_name(cursor, ("concat_",), what)
    start = cursor.at
    count = read_int(cursor, f"tags of {what}")
    same(cursor, f"{what} of values numbering", len(layer.tags), count, start)
    return LayerParams(kind, {}, {})


def _nameless(kind: str) -> Callable[[Cursor, Layer, str], LayerParams]:
    """Return the reader of a layer of which a file has the name only."""
    return lambda cursor, _layer, what: LayerParams(read_name(cursor, (kind,), what), {}, {})


_READERS: Mapping[type, Callable[[Cursor, Any, str], LayerParams]] = {
    AddPrev: _nameless("add_prev_"),
    Affine: _read_affine,
    AvgPool: _read_pool,
    Con: _read_con,
    Concat: _read_concat,
    Cont: _read_con,
    Fc: _read_fc,
    Gelu: _nameless("gelu_"),
    LayerNorm: _read_layer_norm,
    LeakyRelu: _read_leaky_relu,
    Linear: _read_linear,
    MaxPool: _read_pool,
    MultmPrev: _nameless("multm_prev_"),
    Multiply: _read_multiply,
    PatchesToSequence: _nameless("patches_to_sequence_"),
    Relu: _read_relu,
    ReshapeTo: _read_reshape,
    ResizeTo: _nameless("resize_prev_to_tagged_"),
    RmsNorm: _read_rms_norm,
    Rotary: _read_rotary,
    Sig: _nameless("sig_"),
    Softmaxm: _nameless("softmax_"),
    Transpose: _nameless("transpose_"),
    TrilMask: _read_tril,
}


def read_layer(cursor: Cursor, layer: Layer, what: str) -> LayerParams:
    """Read the details of a layer; ``what`` names it in errors."""
    return _READERS[type(layer)](cursor, layer, what)
