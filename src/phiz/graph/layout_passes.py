"""Rewrites that suit the way a processor's convolution kernels lay out their data.

They change the order of sums, by rounding errors, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phiz.graph.graph import Graph, Node
from phiz.graph.ops import Op

__all__ = ["flatten_pixels", "pad_channels", "split_kernels"]

_BLOCK = 16  # channels that vector instructions work on together
_MOST_EXTRA = 1.2  # more channels than so many times as before cost more than they save
_MOST_EXTRA_POOLED = 1.6  # or than these where a pool follows: pools of half blocks are slow
_KEEP_ZEROS = (Op.RELU, Op.LEAKY_RELU, Op.PRELU, Op.MAX_POOL)
_FEW = 8  # output channels that leave most of a block empty
_LARGE = 7  # kernel sides from which splitting saves work


def _plain(node: Node) -> bool:
    return node.op is Op.CONV and node.number("groups") == 1


def _read_by_convolutions(graph: Graph, name: str) -> tuple[list[Node], list[Node]] | None:
    """Return the convolutions that take a value, and what stands between.

    None if anything else sees it, or sees channels of zeros as something other than zeros.
    """
    if name in graph.outputs:
        return None
    found: list[Node] = []
    between: list[Node] = []
    for reader in graph.readers(name):
        if _plain(reader):
            found.append(reader)
        elif reader.op in _KEEP_ZEROS:
            behind = _read_by_convolutions(graph, reader.name)
            if behind is None:
                return None
            found += behind[0]
            between += [reader, *behind[1]]
        else:
            return None
    return found, between


def pad_channels(graph: Graph) -> Graph:
    """Give convolutions whole blocks of output channels, the added ones always zero.

    Only where nothing but other convolutions sees the added channels.
    """
    outputs: dict[str, int] = {}  # channels to add, by the convolution that makes them
    inputs: dict[str, int] = {}  # and by those that take them, and by what stands between
    for node in graph.nodes:
        if not _plain(node):
            continue
        count = node.params["weight"].shape[0]
        extra = -count % _BLOCK
        readers, between = _read_by_convolutions(graph, node.name) or ([], [])
        pooled = any(other.op is Op.MAX_POOL for other in between)
        most = _MOST_EXTRA_POOLED if pooled else _MOST_EXTRA
        if not extra or not readers or count + extra > most * count:
            continue
        outputs[node.name] = extra
        inputs |= {other.name: extra for other in (*readers, *between)}

    def padded(node: Node) -> Node:
        more, taken = outputs.get(node.name, 0), inputs.get(node.name, 0)
        if not node.params or (not more and not taken):
            return node
        params = dict(node.params)
        if node.op is Op.PRELU:
            params["alpha"] = np.pad(params["alpha"], (0, taken))
            return replace(node, params=params)
        params["weight"] = np.pad(params["weight"], ((0, more), (0, taken), (0, 0), (0, 0)))
        if "bias" in params:
            params["bias"] = np.pad(params["bias"], (0, more))
        return replace(node, params=params)

    return replace(graph, nodes=tuple(padded(node) for node in graph.nodes))


def _split(node: Node) -> list[Node]:
    """Return a convolution by columns, and one that adds the shifted columns up."""
    weight = node.params["weight"]
    count, channels, rows, columns = weight.shape
    top, left, bottom, right = node.ints("pads")
    tall = np.ascontiguousarray(weight.transpose(0, 3, 1, 2)).reshape(
        count * columns, channels, rows, 1
    )
    wide = np.zeros((count, count, columns, 1, columns), np.float32)
    wide[np.arange(count), np.arange(count)] = np.eye(columns, dtype=np.float32)[:, None]
    first = replace(
        node,
        name=f"{node.name}.columns",
        attrs={**node.attrs, "pads": (top, 0, bottom, 0)},
        params={"weight": tall},
    )
    rest = {key: value for key, value in node.params.items() if key != "weight"}
    second = replace(
        node,
        inputs=(first.name,),
        attrs={**node.attrs, "pads": (0, left, 0, right)},
        params={"weight": wide.reshape(count, count * columns, 1, columns), **rest},
    )
    return [first, second]


def split_kernels(graph: Graph) -> Graph:
    """Do large kernels with few outputs in two steps, so that whole blocks of channels are used.

    A kernel of 9 x 9 to one channel becomes one of 9 x 1 to nine, and a sum along the rows.
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        weight = node.params.get("weight")
        if (
            weight is not None
            and _plain(node)
            and weight.shape[0] <= _FEW
            and min(weight.shape[2:]) >= _LARGE
            and node.ints("strides") == (1, 1)
        ):
            nodes += _split(node)
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _flattened(node: Node, source: str) -> Node:
    """Return a convolution of planes as one of the pixels as they lie in memory."""
    weight = node.params["weight"]
    count, channels, rows, columns = weight.shape
    flat = weight.transpose(0, 2, 3, 1).reshape(count, 1, rows, columns * channels)
    (down, right), (top, left, bottom, end) = node.ints("strides"), node.ints("pads")
    attrs = {
        **node.attrs,
        "strides": (down, channels * right),
        "pads": (top, channels * left, bottom, channels * end),
    }
    params = {**node.params, "weight": np.ascontiguousarray(flat)}
    return replace(node, inputs=(source,), attrs=attrs, params=params)


def flatten_pixels(graph: Graph) -> Graph:
    """Let the first convolution read pixels as one plane, whose columns are all channels' in turn.

    A kernel of 3 x 3 with stride 1 becomes one of 3 x 9 with stride 3.  It saves the transposition,
    and one pass over the outputs per channel.
    """
    changed: dict[str, Node] = {}
    for node in graph.nodes:
        if node.op is not Op.TO_PLANES or node.name in graph.outputs:
            continue
        readers = graph.readers(node.name)
        if all(_plain(reader) for reader in readers):
            changed[node.name] = replace(node, op=Op.FLATTEN_PIXELS)
            changed |= {reader.name: _flattened(reader, node.name) for reader in readers}
    return replace(graph, nodes=tuple(changed.get(node.name, node) for node in graph.nodes))
