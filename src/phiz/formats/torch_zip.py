"""PyTorch's file of a state dict, written without PyTorch.

The file is a zip of stored members: a pickle that rebuilds a dict of tensors, and the numbers of
each.  The pickle is put together from the few opcodes that ``torch.load(weights_only=True)``
allows; nothing here can read one.  Source: PyTorch 2 ``torch/serialization.py``,
``_weights_only_unpickler.py``; Python's ``pickletools``.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

from phiz.checks import F32
from phiz.errors import ShapeError

__all__ = ["write_state_dict"]

_FOLDER = "archive"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written
_LARGEST = (1 << 31) - 1
_REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
_STORAGE = b"ctorch\nFloatStorage\n"
_NO_HOOKS = b"ccollections\nOrderedDict\n)R"


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tuple(items: bytes) -> bytes:
    return b"(" + items + b"t"


def _tensor(key: str, array: F32) -> bytes:
    """Return the opcodes that rebuild a tensor from the storage of this name."""
    if array.dtype != np.float32:
        raise ShapeError(f"{key}: wanted dtype float32, found {array.dtype}")
    if array.size > _LARGEST:
        raise ShapeError(f"{key}: wanted at most {_LARGEST} numbers, found {array.size}")
    strides: list[int] = []
    step = 1
    for side in reversed(array.shape):
        strides.insert(0, step)
        step *= side
    where = _text("storage") + _STORAGE + _text(key) + _text("cpu") + _int(array.size)
    return (
        _REBUILD
        + _tuple(
            _tuple(where) + b"Q" + _int(0)
            + _tuple(b"".join(map(_int, array.shape)))
            + _tuple(b"".join(map(_int, strides)))
            + b"\x89" + _NO_HOOKS
        )
        + b"R"
    )  # fmt: skip


def write_state_dict(arrays: Mapping[str, F32]) -> bytes:
    """Return a file of these arrays that ``torch.load`` reads as a dict of tensors."""
    items = b"".join(_text(name) + _tensor(str(i), arrays[name]) for i, name in enumerate(arrays))
    members = {
        "data.pkl": b"\x80\x02}(" + items + b"u.",
        "byteorder": b"little",
        **{
            f"data/{i}": np.ascontiguousarray(array).astype("<f4", copy=False).tobytes()
            for i, array in enumerate(arrays.values())
        },
        "version": b"3\n",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}", _EPOCH), content)
    return out.getvalue()
