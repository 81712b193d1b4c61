"""Rewrites that bring a network to int8: weights of 255 levels, activations of 256.

The result is a graph like any other, whose numbers lie on grids: the reference backend evaluates it
as it stands, and a backend that has kernels for bytes stores those numbers as bytes.

Every channel has steps of its own.  What several layers hand on by adding (the shortcuts of a
residual network) stays float32: only what convolutions take and give is rounded.
Source of the scheme: Jacob et al. 2018; of steps per channel, evened out between activations and
weights by a power: Nagel et al. 2019, Xiao et al. 2023 (SmoothQuant, alpha 0.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.graph import Attr, Graph, Node, apply
from phiz.graph.ops import Op
from phiz.graph.passes import drop_tiny, drop_unread, fold_affine, fold_batch_norm
from phiz.graph.shapes import infer

__all__ = [
    "FULL",
    "REDUCED",
    "Place",
    "pools_to_convolutions",
    "prepare",
    "quantise",
    "rounded_values",
]

FULL = 127
"""The largest weight of eight bits."""
REDUCED = 64
"""The largest weight where products of neighbours are added in 16 bits: 2 * 255 * 64 < 2 ** 15."""

_LEVELS = 255
_COLOURS = 3
_MIDDLE = 128  # the zero of values that have both signs
_LEAST = 1e-3  # of the largest limit: channels that are always zero need a step too
_EVENED = 0.5  # how far limits per channel are kept where weights have to make up for them
_MOST_OFFSET = 2**30  # units: sums are taken in 32 bits
_TINY = 1e-30
_NO_LOWS: Mapping[str, F32] = MappingProxyType({})
_NEVER_NEGATIVE = (Op.RELU, Op.SIGMOID)
_KEEPS_SIGN = (Op.MAX_POOL, Op.AVG_POOL, Op.GLOBAL_AVG_POOL, Op.PAD)


@dataclass(frozen=True, slots=True)
class Place:
    """A value that is rounded.

    signed: it may be negative.  weighed: a convolution takes all its channels, and weights make up
    for steps that differ from one to the next.  free: no convolution takes it, so that levels may
    begin anywhere.
    """

    signed: bool
    weighed: bool
    free: bool


def pools_to_convolutions(graph: Graph) -> Graph:
    """Turn averages, and the channels of zeros that are appended to them, into convolutions.

    Runtimes have fast kernels for those, and the weights, 0 and 1 / pixels, are exact in int8.
    """
    shapes = infer(graph)
    changed: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        if node.op is not Op.AVG_POOL or any(node.ints("pads")):
            continue
        channels, kernel = shapes[node.name][0], node.ints("kernel")
        last, more = node, 0
        readers = graph.readers(node.name)
        if len(readers) == 1 and readers[0].op is Op.PAD and node.name not in graph.outputs:
            (after,) = readers
            if not after.number("rows") and not after.number("columns"):
                last, more = after, int(after.number("channels"))
                gone.add(node.name)
        weight = np.zeros((channels + more, channels, *kernel), np.float32)
        weight[np.arange(channels), np.arange(channels)] = 1 / np.prod(kernel)
        attrs: dict[str, Attr] = {
            "strides": node.ints("strides"), "pads": (0, 0, 0, 0), "groups": 1,
        }  # fmt: skip
        changed[last.name] = replace(
            last, op=Op.CONV, inputs=node.inputs, attrs=attrs, params={"weight": weight}
        )
    nodes = (changed.get(node.name, node) for node in graph.nodes if node.name not in gone)
    return replace(graph, nodes=tuple(nodes))


def prepare(graph: Graph) -> Graph:
    """Return a graph as :func:`quantise` wants it: normalisation folded, averages convolved."""
    steps = (drop_unread, fold_batch_norm, fold_affine, drop_tiny, pools_to_convolutions)
    return apply(graph, *steps)


def _averages(node: Node) -> bool:
    """Say whether a convolution is an average: each output sees one channel, all parts alike."""
    if node.op is not Op.CONV or "bias" in node.params:
        return False
    weight = node.params["weight"]
    return bool(((weight != 0).any(axis=(2, 3)).sum(axis=1) <= 1).all() and weight.min() >= 0)


def _signed(graph: Graph, name: str) -> bool:
    """Say whether a value may be negative."""
    node = next((each for each in graph.nodes if each.name == name), None)
    if node is None or node.op in _NEVER_NEGATIVE:
        return node is None
    keeps = node.op in _KEEPS_SIGN or _averages(node)
    return _signed(graph, node.inputs[0]) if keeps else True


def _rounded(graph: Graph) -> list[Node]:
    """Return the convolutions to do in int8.

    One with a single pixel of output costs little, and its errors are never averaged.  One that
    nothing but an average follows would be rounded twice for one step of work.
    """
    shapes = infer(graph)
    plain = [node for node in graph.nodes if node.op is Op.CONV and node.number("groups") == 1]
    behind: set[str] = set()
    for node in plain:
        readers = graph.readers(node.name)
        if len(readers) == 1 and _averages(readers[0]):
            behind |= {node.name, readers[0].name}
    return [node for node in plain if shapes[node.name][1:] != (1, 1) and node.name not in behind]


def _whole_pixels(graph: Graph, node: Node) -> bool:
    """Say whether a convolution takes nothing but pixels of a picture, which are bytes already."""
    source = next((each for each in graph.nodes if each.name == node.inputs[0]), None)
    if source is None or source.op is not Op.TO_TENSOR or any(node.ints("pads")):
        return False
    return bool(node.params["weight"].shape[1] == _COLOURS)


def _given(graph: Graph, node: Node) -> str:
    """Return the value that a convolution in int8 gives: itself, or the rectifier behind it."""
    readers = graph.readers(node.name)
    if len(readers) == 1 and readers[0].op is Op.RELU and node.name not in graph.outputs:
        return readers[0].name
    return node.name


def _origin(graph: Graph, name: str) -> str:
    """Return the value whose levels this one has: maxima of levels are levels."""
    node = next((each for each in graph.nodes if each.name == name), None)
    if node is not None and node.op is Op.MAX_POOL:
        return _origin(graph, node.inputs[0])
    return name


def rounded_values(graph: Graph) -> dict[str, Place]:
    """Return which values are to be rounded: what convolutions in int8 take and give.

    graph: after :func:`prepare`.
    """
    eight = _rounded(graph)
    given = {_given(graph, node) for node in eight}
    taken, weighed = set(), set()
    for node in eight:
        if not _whole_pixels(graph, node):
            origin = _origin(graph, node.inputs[0])
            source = origin if origin in given else node.inputs[0]
            taken.add(source)
            if not _averages(node):
                weighed.add(source)
    return {
        node.name: Place(_signed(graph, node.name), node.name in weighed, node.name not in taken)
        for node in graph.nodes
        if node.name in given | taken
    }


def _steps(place: Place, limits: F32) -> F32:
    """Return the step of each channel of a value, whose limits are magnitudes."""
    most = max(float(limits.max()), 1e-12)
    share = np.maximum(limits.astype(np.float64) / most, _LEAST)
    reach = most * share**_EVENED if place.weighed else most * share
    return (reach / (_LEVELS - _MIDDLE if place.signed else _LEVELS)).astype(np.float32)


def _weights(node: Node, steps: F32, top: int) -> Node:
    """Return a convolution whose weights, times the steps of its input, are levels."""
    weight = node.params["weight"].astype(np.float64)
    by_channel = steps.astype(np.float64)[:, None, None]
    largest = np.abs(weight * by_channel).max(axis=(1, 2, 3)) / top
    offset = np.abs(node.params.get("bias", np.zeros(1, np.float32))) / _MOST_OFFSET
    unit = np.maximum(np.maximum(largest, offset), _TINY).astype(np.float32)
    each = unit.astype(np.float64)[:, None, None, None]
    levels = np.clip(np.rint(weight * by_channel / each), -top, top)
    params = {**node.params, "weight": (levels * each / by_channel).astype(np.float32)}
    return replace(node, params={**params, "unit": unit})


def _rounding(name: str, place: Place, limits: F32, lows: F32 | None) -> Node:
    """Return what rounds a value."""
    params = {"steps": _steps(place, limits)}
    if lows is not None:
        reach = np.maximum(limits - lows, _LEAST * float(limits.max()))
        params = {"steps": np.maximum(reach / _LEVELS, _TINY).astype(np.float32), "lows": lows}
    zero = _MIDDLE if place.signed and lows is None else 0
    return Node(Op.QUANTISE, f"{name}.int8", (name,), {"zero": zero}, params)


def _fitting(graph: Graph, node: Node, channels: int, found: F32 | None, what: str) -> F32:
    if found is None or found.shape != (channels,):
        raise ShapeError(
            f"{graph.name}: wanted a {what} for each of the {channels} channels of {node.name}, "
            f"found {'none' if found is None else found.shape}"
        )
    return found


def quantise(
    graph: Graph,
    limits: Mapping[str, F32],
    lows: Mapping[str, F32] = _NO_LOWS,
    *,
    top: int = FULL,
) -> Graph:
    """Round weights and activations to levels.

    graph: see :func:`rounded_values`.  limits: of each value named there, the largest magnitude
    of each channel that is still told apart, (channels,).  lows: of free values whose channels
    vary little about a large mean, the least number of each.  top: the largest weight, in levels.

    Raises ShapeError for limits that are missing or are not those of this graph.
    """
    shapes = infer(graph)
    places = rounded_values(graph)
    convolutions = _rounded(graph)
    eight = {node.name for node in convolutions}
    given = {_given(graph, node) for node in convolutions}
    steps: dict[str, F32] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(
            f"{name}.int8" if name in places and (name in given or node.name in eight) else name
            for name in node.inputs
        )
        changed = replace(node, inputs=inputs)
        if node.name in eight:
            source = next(each for each in graph.nodes if each.name == node.inputs[0])
            if _whole_pixels(graph, node):
                grid = np.full(_COLOURS, source.number("scale"), np.float32)
            else:
                grid = steps[node.inputs[0]]
            changed = _weights(changed, grid, top)
        nodes.append(changed)
        if node.op is Op.MAX_POOL and node.inputs[0] in given:
            steps[node.name] = steps[node.inputs[0]]
        if node.name not in places:
            continue
        channels, place, low = shapes[node.name][0], places[node.name], lows.get(node.name)
        limit = _fitting(graph, node, channels, limits.get(node.name), "limit")
        if low is not None:
            if not place.free:
                raise ShapeError(f"{graph.name}: {node.name} cannot begin anywhere but at zero")
            _fitting(graph, node, channels, low, "low")
        nodes.append(_rounding(node.name, place, limit, low))
        steps[node.name] = nodes[-1].params["steps"]
    outputs = tuple(f"{name}.int8" if name in given else name for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)
