"""Graph to ONNX bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phiz.formats.onnx_ops import write_node
from phiz.formats.onnx_writer import (
    FLOAT,
    UINT8,
    OnnxWriter,
    bytes_field,
    int_field,
    value_info,
)
from phiz.graph.graph import Graph, Input
from phiz.graph.shapes import infer

__all__ = ["OPSET", "assemble", "encode_onnx"]

OPSET = 17
_IR_VERSION = 8


def _input(source: Input) -> bytes:
    rows, columns, channels = source.shape
    if source.kind == "planes":
        return value_info(source.name, FLOAT, ("n", channels, rows or "rows", columns or "columns"))
    if source.kind == "pixels":
        return value_info(source.name, FLOAT, ("n", rows or "rows", columns or "columns", channels))
    if source.kind == "gray":
        return value_info(source.name, UINT8, ("n", rows or "rows", columns or "columns"))
    return value_info(source.name, UINT8, ("n", rows or "rows", columns or "columns", channels))


def encode_onnx(
    graph: Graph,
    outputs: Sequence[str] | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    doc: str = "",
) -> bytes:
    """Return the graph as the bytes of an ONNX file.

    outputs: values to return instead of the graph's own, such as those of inner layers.
    metadata: pairs that tools show beside the model.  doc: a text for people.
    """
    out = OnnxWriter(infer(graph))
    for node in graph.nodes:
        write_node(out, node)
    model = assemble(graph, out, outputs or graph.outputs, doc=doc)
    pairs = (bytes_field(1, key) + bytes_field(2, value) for key, value in (metadata or {}).items())
    return model + b"".join(bytes_field(14, pair) for pair in pairs)


def assemble(
    graph: Graph,
    out: OnnxWriter,
    outputs: Sequence[str],
    *,
    doc: str = "",
    domains: Sequence[str] = (),
) -> bytes:
    """Return what was written for a graph as the bytes of an ONNX file.

    domains: of operators that are not ONNX's own.
    """
    parts = [*(bytes_field(1, node) for node in out.nodes), bytes_field(2, graph.name)]
    parts += (bytes_field(5, constant) for constant in out.constants)
    parts += (bytes_field(11, _input(source)) for source in graph.inputs)
    for name in outputs:
        channels, rows, columns = out.shapes[name]
        sides = ("n", channels, rows or f"{name}.rows", columns or f"{name}.columns")
        parts.append(bytes_field(12, value_info(name, FLOAT, sides)))
    body = b"".join(parts)
    said = bytes_field(6, doc) if doc else b""
    versions = int_field(1, _IR_VERSION) + bytes_field(2, "phiz")
    model = versions + said + bytes_field(7, body)
    sets = [("", OPSET), *((domain, 1) for domain in domains)]
    each = (bytes_field(1, domain) + int_field(2, version) for domain, version in sets)
    return model + b"".join(bytes_field(8, opset) for opset in each)
