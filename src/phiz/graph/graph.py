"""A network as an immutable list of layer-level nodes, each owning its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.ops import Op

__all__ = ["Attr", "Graph", "Input", "Node", "Side", "apply", "validate"]

Attr: TypeAlias = "int | float | tuple[int, ...] | tuple[float, ...]"
Side: TypeAlias = "int | None"
"""A length; None where it differs from run to run (fully convolutional networks only)."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation; its output carries its name.

    name: unique in the graph.  inputs: names of nodes or graph inputs.  meta: what the file said
    that the computation does not need, such as training multipliers.
    """

    op: Op
    name: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = field(default_factory=lambda: _NOTHING)
    params: Mapping[str, F32] = field(default_factory=lambda: _NOTHING)
    meta: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def ints(self, key: str) -> tuple[int, ...]:
        """Return an attribute that is a tuple of integers."""
        value = self.attrs[key]
        if not isinstance(value, tuple):
            raise ShapeError(f"{self.name}: wanted {key} as a tuple, found {value!r}")
        return tuple(int(item) for item in value)

    def number(self, key: str) -> float:
        """Return an attribute that is one number."""
        value = self.attrs[key]
        if isinstance(value, tuple):
            raise ShapeError(f"{self.name}: wanted {key} as one number, found {value!r}")
        return value


@dataclass(frozen=True, slots=True)
class Input:
    """What the graph is fed.

    kind: "rgb", (n, rows, columns, 3) uint8; "gray", (n, rows, columns) uint8; "planes",
    (n, channels, rows, columns) float32, which no TO_TENSOR follows; or "pixels",
    (n, rows, columns, channels) float32, which a TO_PLANES follows.
    shape: (rows, columns, channels), None where it may differ.
    """

    name: str
    shape: tuple[Side, Side, int]
    kind: Literal["rgb", "gray", "planes", "pixels"] = "rgb"


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network.  Nodes stand after the nodes whose outputs they take."""

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def node(self, name: str) -> Node:
        """Return the node of this name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def readers(self, name: str) -> list[Node]:
        """Return the nodes that take this value."""
        return [node for node in self.nodes if name in node.inputs]

    @property
    def parameters(self) -> int:
        """How many numbers the network was trained to."""
        return sum(array.size for node in self.nodes for array in node.params.values())


def validate(graph: Graph, *, after: str = "building") -> Graph:
    """Return the graph, or raise ShapeError naming the first thing wrong with it.

    after: the step that made it, for the message.
    """
    known = {source.name for source in graph.inputs}
    for node in graph.nodes:
        for name in node.inputs:
            if name not in known:
                raise ShapeError(f"graph {graph.name} after {after}: {node.name} takes {name!r}, "
                                 "which nothing before it makes")  # fmt: skip
        if node.name in known:
            raise ShapeError(f"graph {graph.name} after {after}: two values named {node.name!r}")
        known.add(node.name)
    missing = set(graph.outputs) - known
    if missing:
        raise ShapeError(f"graph {graph.name} after {after}: no value named {missing.pop()!r}")
    return graph


def apply(graph: Graph, *passes: Callable[[Graph], Graph]) -> Graph:
    """Run passes one after the other and validate after each, so that a culprit is named."""
    for step in passes:
        graph = validate(step(graph), after=getattr(step, "__name__", repr(step)))
    return graph
