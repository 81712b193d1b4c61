"""A graph as a table for people."""

from __future__ import annotations

from phiz.graph.graph import Graph
from phiz.graph.shapes import infer

__all__ = ["dump"]


def dump(graph: Graph) -> str:
    """Return one line per node: name, operation, inputs, output shape, parameters."""
    shapes = infer(graph)
    rows = [("name", "op", "inputs", "output", "parameters")]
    for node in graph.nodes:
        sides = " x ".join("?" if side is None else str(side) for side in shapes[node.name])
        count = sum(array.size for array in node.params.values())
        rows.append((node.name, str(node.op), ", ".join(node.inputs), sides, f"{count or ''}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
