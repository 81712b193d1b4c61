"""What dlib writes for each kind of layer: a name, then its fields.

Each reader returns the parameters verbatim and raises FormatError where they contradict the
architecture or each other.  Source: dlib ``layers.h``, ``input.h``, ``loss.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from phiz.checks import F32
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import (
    Alias,
    read_alias,
    read_bool,
    read_float,
    read_int,
    read_string,
    read_tensor,
)
from phiz.graph.arch import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    Layer,
    LayerParams,
    LossMetric,
    MaxPool,
    Relu,
)

__all__ = ["read_input", "read_layer", "read_loss"]

_MULTIPLIERS = (
    "learning_rate_multiplier",
    "weight_decay_multiplier",
    "bias_learning_rate_multiplier",
    "bias_weight_decay_multiplier",
)


def _name(cursor: Cursor, wanted: tuple[str, ...], what: str) -> str:
    start = cursor.at
    found = read_string(cursor, f"the kind of {what}", longest=64)
    if found not in wanted:
        cursor.fail(f"{what} ({' or '.join(wanted)})", repr(found), at=start)
    return found


def _same(cursor: Cursor, what: str, want: object, found: object, at: int) -> None:
    if want != found:
        cursor.fail(f"{what} {want}", str(found), at=at)


def _multipliers(cursor: Cursor) -> dict[str, float]:
    return {key: read_float(cursor, key.replace("_", " ")) for key in _MULTIPLIERS}


def _split(cursor: Cursor, params: F32, aliases: tuple[Alias, ...], at: int) -> list[F32]:
    """Cut a layer's one parameter tensor into the parts its aliases describe."""
    total = sum(alias.size for alias in aliases)
    _same(cursor, "as many parameters as their views cover:", total, params.size, at)
    flat, parts, start = params.reshape(-1), [], 0
    for alias in aliases:
        parts.append(flat[start : start + alias.size])
        start += alias.size
    return parts


def _read_con(cursor: Cursor, layer: Con, what: str) -> LayerParams:
    kind = _name(cursor, ("con_4", "con_5", "con_6"), what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    fields = ("filters", "rows", "columns", "stride y", "stride x", "padding y", "padding x")
    found = tuple(read_int(cursor, f"{field} of {what}") for field in fields)
    want = (layer.filters, *[layer.side] * 2, *[layer.stride] * 2, *[layer.padding] * 2)
    _same(cursor, f"{what} with {', '.join(fields)} of", want, found, start)
    filters = read_alias(cursor, f"filters of {what}")
    biases = read_alias(cursor, f"biases of {what}")
    shape = (layer.filters, filters.shape[1], layer.side, layer.side)
    _same(cursor, f"filters of {what} shaped", shape, filters.shape, start)
    meta: dict[str, Any] = _multipliers(cursor)
    if kind != "con_4":
        meta["use_bias"] = read_bool(cursor, f"use_bias of {what}")
    if kind == "con_6":
        meta["use_relu"] = read_bool(cursor, f"use_relu of {what}")
        if meta["use_relu"]:
            cursor.fail(f"{what} without a built-in relu", "one")
    weight, bias = _split(cursor, params, (filters, biases), start)
    arrays = {"weight": weight.reshape(shape)}
    if bias.size:
        _same(cursor, f"biases of {what}", layer.filters, bias.size, start)
        arrays["bias"] = bias
    return LayerParams(kind, arrays, meta)


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
    meta["eps"] = read_float(cursor, f"eps of {what}")
    arrays = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for key, array in arrays.items():
        _same(cursor, f"{key} of {what} with values numbering", gamma.size, array.size, start)
    if not (variance + np.float32(meta["eps"]) > 0).all():
        cursor.fail(f"positive variances of {what}", str(float(variance.min())), at=start)
    return LayerParams(kind, arrays, meta)


def _read_affine(cursor: Cursor, _layer: Affine, what: str) -> LayerParams:
    kind = _name(cursor, ("affine_", "affine_2", "bn_con2"), what)
    if kind == "bn_con2":
        return _read_batch_norm(cursor, kind, what)
    start = cursor.at
    params = read_tensor(cursor, f"parameters of {what}")
    views = read_alias(cursor, f"gamma of {what}"), read_alias(cursor, f"beta of {what}")
    mode = read_int(cursor, f"the mode of {what}")
    _same(cursor, f"{what} in mode (0 is per channel)", 0, mode, start)
    meta: dict[str, Any] = {"mode": mode}
    if kind == "affine_2":
        meta["disabled"] = read_bool(cursor, f"whether {what} is disabled")
        if meta["disabled"]:
            cursor.fail(f"{what} that is not disabled", "a disabled one")
    gamma, beta = _split(cursor, params, views, start)
    _same(cursor, f"beta of {what} with values numbering", gamma.size, beta.size, start)
    return LayerParams(kind, {"gamma": gamma, "beta": beta}, meta)


def _read_relu(cursor: Cursor, _layer: Relu, what: str) -> LayerParams:
    kind = _name(cursor, ("relu_", "relu_2"), what)
    meta = {}
    if kind == "relu_2":
        meta["disabled"] = read_bool(cursor, f"whether {what} is disabled")
        if meta["disabled"]:
            cursor.fail(f"{what} that is not disabled", "a disabled one")
    return LayerParams(kind, {}, meta)


def _read_pool(cursor: Cursor, layer: MaxPool | AvgPool, what: str) -> LayerParams:
    kind = _name(cursor, ("max_pool_2" if isinstance(layer, MaxPool) else "avg_pool_2",), what)
    start = cursor.at
    fields = ("rows", "columns", "stride y", "stride x", "padding y", "padding x")
    found = tuple(read_int(cursor, f"{field} of {what}") for field in fields)
    want = (layer.side, layer.side, layer.stride, layer.stride, 0, 0)
    _same(cursor, f"{what} with {', '.join(fields)} of", want, found, start)
    return LayerParams(kind, {}, {})


def _read_fc(cursor: Cursor, layer: Fc, what: str) -> LayerParams:
    kind = _name(cursor, ("fc_2", "fc_3"), what)
    start = cursor.at
    outputs = read_int(cursor, f"outputs of {what}")
    _same(cursor, f"{what} with outputs numbering", layer.outputs, outputs, start)
    inputs = read_int(cursor, f"inputs of {what}")
    params = read_tensor(cursor, f"parameters of {what}")
    weights = read_alias(cursor, f"weights of {what}")
    biases = read_alias(cursor, f"biases of {what}")
    mode = read_int(cursor, f"the bias mode of {what}")
    _same(cursor, f"the bias mode of {what} (0 has one)", 0 if layer.bias else 1, mode, start)
    meta: dict[str, Any] = _multipliers(cursor)
    if kind == "fc_3":
        meta["use_bias"] = read_bool(cursor, f"use_bias of {what}")
    _same(cursor, f"weights of {what} shaped", (inputs, outputs, 1, 1), weights.shape, start)
    weight, bias = _split(cursor, params, (weights, biases), start)
    arrays = {"weight": weight.reshape(inputs, outputs)}
    if bias.size:
        _same(cursor, f"biases of {what}", outputs, bias.size, start)
        arrays["bias"] = bias
    return LayerParams(kind, arrays, meta)


def _read_add_prev(cursor: Cursor, _layer: AddPrev, what: str) -> LayerParams:
    return LayerParams(_name(cursor, ("add_prev_",), what), {}, {})


_READERS: Mapping[type, Callable[[Cursor, Any, str], LayerParams]] = {
    AddPrev: _read_add_prev,
    Affine: _read_affine,
    AvgPool: _read_pool,
    Con: _read_con,
    Fc: _read_fc,
    MaxPool: _read_pool,
    Relu: _read_relu,
}


def read_layer(cursor: Cursor, layer: Layer, what: str) -> LayerParams:
    """Read the details of a layer; ``what`` names it in errors."""
    return _READERS[type(layer)](cursor, layer, what)


def read_input(cursor: Cursor, layer: InputRgb) -> tuple[float, float, float]:
    """Read the input layer; returns the mean of each channel, RGB."""
    start = cursor.at
    names = ("input_rgb_image_sized", "input_rgb_image", "input_rgb_image_pair")
    kind = _name(cursor, names[:1] if layer.sized else names, "the input layer")
    red, green, blue = (read_float(cursor, f"mean of {c}") for c in ("red", "green", "blue"))
    if max(abs(red), abs(green), abs(blue)) > 1e6:
        cursor.fail("channel means in pixel values", f"{red}, {green}, {blue}", at=start)
    if kind == "input_rgb_image_sized":
        sides = read_int(cursor, "input rows"), read_int(cursor, "input columns")
        if layer.sized:
            _same(cursor, "input rows and columns", (layer.size, layer.size), sides, start)
    return red, green, blue


def read_loss(cursor: Cursor, _loss: LossMetric) -> dict[str, float]:
    """Read a metric loss; returns its margin and distance threshold."""
    if _name(cursor, ("loss_metric_2", "loss_metric_"), "the loss") == "loss_metric_":
        return {"margin": 0.1, "threshold": 0.75}
    return {
        "margin": read_float(cursor, "the loss's margin"),
        "threshold": read_float(cursor, "the loss's distance threshold"),
    }
