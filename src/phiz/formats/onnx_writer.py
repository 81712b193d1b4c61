"""ONNX nodes and constants, written as protocol buffers.

The few message types that a network needs are written directly, which spares users a dependency of
18 MB.  Source: ``onnx.proto3`` of ONNX 1.17; protocol buffers encoding guide.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from phiz.graph.shapes import Shape

__all__ = ["FLOAT", "UINT8", "OnnxWriter", "bytes_field", "int_field", "value_info"]

FLOAT, UINT8, _INT8, _INT32, _INT64 = 1, 2, 3, 6, 7  # TensorProto.DataType
_STORED = {
    "f": (FLOAT, "<f4"), "i": (_INT64, "<i8"), "u": (UINT8, "u1"),
    "i1": (_INT8, "i1"), "i4": (_INT32, "<i4"),
}  # fmt: skip
_ATTR_INT, _ATTR_INTS = 2, 7  # AttributeProto.AttributeType; floats are written as inputs
_ATTR_FLOAT, _ATTR_STRING = 1, 3


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def int_field(field: int, value: int) -> bytes:
    """Return a field that is an integer."""
    return _varint(field << 3) + _varint(value)


def bytes_field(field: int, value: bytes | str) -> bytes:
    """Return a field that is a text, or another message."""
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def float_field(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    head = bytes_field(1, name)
    if isinstance(value, str):
        return head + bytes_field(4, value) + int_field(20, _ATTR_STRING)
    if isinstance(value, float):
        return head + float_field(2, value) + int_field(20, _ATTR_FLOAT)
    if isinstance(value, int):
        return head + int_field(3, value) + int_field(20, _ATTR_INT)
    return head + b"".join(int_field(8, item) for item in value) + int_field(20, _ATTR_INTS)


def _tensor(name: str, array: NDArray[np.generic]) -> bytes:
    kind, stored = _STORED.get(array.dtype.str[1:], _STORED[array.dtype.kind])
    dims = b"".join(int_field(1, side) for side in array.shape)
    little = np.ascontiguousarray(array).astype(stored, copy=False)
    return dims + int_field(2, kind) + bytes_field(8, name) + bytes_field(9, little.tobytes())


def value_info(name: str, kind: int, sides: Iterable[int | str]) -> bytes:
    """Return a ValueInfoProto: an input or output of numbers of this kind, named sides vary."""
    lengths = (
        int_field(1, side) if isinstance(side, int) else bytes_field(2, side) for side in sides
    )
    shape = b"".join(bytes_field(1, length) for length in lengths)
    tensor = int_field(1, kind) + bytes_field(2, shape)
    return bytes_field(1, name) + bytes_field(2, bytes_field(1, tensor))


class OnnxWriter:
    """Collects ONNX nodes and constants.

    shapes: of every value of the graph.
    """

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = shapes
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        """Add a constant of float32, int64, int32, int8 or uint8; returns its name."""
        self.constants.append(_tensor(name, array))
        return name

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        **attributes: int | float | str | Sequence[int],
    ) -> str:
        """Add a node; returns its output's name.

        kind: an operator of ONNX, or of another domain, whose name stands before it with a point.
        """
        domain, _, operator = kind.rpartition(".")
        body = b"".join(bytes_field(1, name) for name in inputs) + bytes_field(2, output)
        body += bytes_field(3, output) + bytes_field(4, operator)
        body += b"".join(bytes_field(5, _attribute(key, attributes[key])) for key in attributes)
        if domain:
            body += bytes_field(7, domain)
        self.nodes.append(body)
        return output
