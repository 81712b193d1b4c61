"""Rewrites that backends run; a graph as read keeps its layers verbatim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phiz.checks import F32
from phiz.graph.graph import Graph, Node
from phiz.graph.ops import Op

__all__ = ["drop_tiny", "drop_unread", "fold_affine", "fold_batch_norm"]

_TINY = 1e-30
_OUTPUT_AXIS = {Op.CONV: 0, Op.CONV_TRANSPOSE: 1}  # of the weights


def drop_unread(graph: Graph) -> Graph:
    """Leave out the nodes that no output depends on."""
    wanted = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return replace(graph, nodes=tuple(reversed(kept)))


def fold_batch_norm(graph: Graph) -> Graph:
    """Turn batch normalisation with running statistics into a scale and shift per channel.

    Source: dlib ``layers.h``, affine_(const bn_&).
    """

    def fold(node: Node) -> Node:
        if node.op is not Op.BATCH_NORM:
            return node
        have = {key: value.astype(np.float64) for key, value in node.params.items()}
        gamma = have["gamma"] / np.sqrt(have["variance"] + node.number("eps"))
        beta = have["beta"] - gamma * have["mean"]
        params = {"gamma": gamma.astype(np.float32), "beta": beta.astype(np.float32)}
        return replace(node, op=Op.AFFINE, attrs={}, params=params)

    return replace(graph, nodes=tuple(fold(node) for node in graph.nodes))


def fold_affine(graph: Graph) -> Graph:
    """Put a scale and shift into the convolution before it, where nothing else reads that."""
    folded: dict[str, Node] = {}  # convolutions that swallowed the node of this name
    gone: set[str] = set()
    for node in graph.nodes:
        if node.op is not Op.AFFINE:
            continue
        source = next((other for other in graph.nodes if other.name == node.inputs[0]), None)
        if source is None or source.op not in _OUTPUT_AXIS or source.name in graph.outputs:
            continue
        if len(graph.readers(source.name)) != 1:
            continue
        gamma = node.params["gamma"].astype(np.float64)
        filters = np.moveaxis(source.params["weight"], _OUTPUT_AXIS[source.op], -1)
        weight = np.moveaxis(filters * gamma, -1, _OUTPUT_AXIS[source.op])
        bias = node.params["beta"] + gamma * source.params.get("bias", np.float32(0))
        params = {"weight": weight.astype(np.float32, order="C"), "bias": bias.astype(np.float32)}
        folded[node.name] = replace(source, name=node.name, params=params)
        gone.add(source.name)
    nodes = (folded.get(node.name, node) for node in graph.nodes if node.name not in gone)
    return replace(graph, nodes=tuple(nodes))


def drop_tiny(graph: Graph) -> Graph:
    """Set parameters below 1e-30 to 0.

    Weight decay leaves whole filters of them in some networks.  They change no output, but they,
    or their products with what flows through, are below float32's normal range, and a processor
    takes a hundred times as long to multiply such a number.
    """

    def clean(array: F32) -> F32:
        small = (np.abs(array) < _TINY) & (array != 0)
        return np.where(small, np.float32(0), array) if small.any() else array

    def cleaned(node: Node) -> Node:
        return replace(node, params={key: clean(array) for key, array in node.params.items()})

    return replace(
        graph, nodes=tuple(cleaned(node) if node.params else node for node in graph.nodes)
    )
