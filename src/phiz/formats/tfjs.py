"""Weights as TensorFlow.js keeps them: a JSON manifest, and shards with nothing but numbers.

The manifest lists groups: the tensors of each, and the files whose bytes, one behind the other,
hold them without gaps.  A tensor may be quantised: ``q * scale + min``, of one or two bytes each.
Source: the manifests of face-api.js 0.22.2 and @vladmandic/face-api 1.7.15.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from phiz.checks import F32
from phiz.errors import FormatError, ModelNotFound
from phiz.formats.cursor import Cursor

__all__ = [
    "MANIFEST_ENDING",
    "Quantisation",
    "TfjsGroup",
    "TfjsTensor",
    "TfjsWeights",
    "find_manifests",
    "read_manifest",
    "read_tfjs",
]

MANIFEST_ENDING = "-weights_manifest.json"
_MOST_JSON = 4 << 20  # the largest published manifest has 28 kB
_MOST_BYTES = 128 << 20  # of all shards; the largest published model has 6.4 MB
_MOST_AXES = 6  # TensorFlow.js has no more
_MOST_NAME = 256
_CHUNK = 1 << 20  # numbers that are dequantised at a time
_STORED = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "bool": "u1"}
_PACKED = {"uint8": "u1", "uint16": "<u2"}


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How a tensor's numbers are packed: ``q * scale + minimum`` of q in dtype uint8 or uint16."""

    dtype: str
    scale: float
    minimum: float


@dataclass(frozen=True, slots=True)
class TfjsTensor:
    """What a manifest says about a tensor.  dtype: float32, int32, uint8 or bool."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantisation: Quantisation | None = None

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of its numbers in the shards."""
        packed = self.quantisation
        return np.dtype(_PACKED[packed.dtype] if packed else _STORED[self.dtype])


@dataclass(frozen=True, slots=True)
class TfjsGroup:
    """Tensors in the order of their bytes, and the names of the files that hold them."""

    tensors: tuple[TfjsTensor, ...]
    shards: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TfjsWeights:
    """A model's manifest and bytes, whose lengths agree.

    path: the manifest.  data: the bytes of each group.  sizes: the bytes of each of its shards.
    digest: SHA-256 of what the manifest says about the tensors, and of their bytes; the same
    however the bytes are cut into files.
    """

    path: Path
    groups: tuple[TfjsGroup, ...]
    data: tuple[bytes, ...]
    sizes: tuple[tuple[int, ...], ...]
    digest: str

    def tensors(self) -> dict[str, F32]:
        """Return every tensor by its name, as float32.

        Quantised ones are computed in float64 and rounded once.  Raises FormatError for numbers
        that are not finite.
        """
        found: dict[str, F32] = {}
        for group, data, sizes in zip(self.groups, self.data, self.sizes, strict=True):
            cursor = Cursor(data, str(self.path))
            for tensor in group.tensors:
                try:
                    found[tensor.name] = _decode(cursor, tensor)
                except FormatError as error:
                    shard, at = _shard_at(group, sizes, error.at)
                    path = str(self.path.with_name(shard))
                    raise FormatError(path, at, error.want, error.found) from None
        return found


def _shard_at(group: TfjsGroup, sizes: tuple[int, ...], at: int) -> tuple[str, int]:
    """Return the shard that holds a group's byte, and where in it."""
    for name, size in zip(group.shards, sizes, strict=True):
        if at < size:
            return name, at
        at -= size
    return group.shards[-1], sizes[-1] + at


def _decode(cursor: Cursor, tensor: TfjsTensor) -> F32:
    packed, start = tensor.quantisation, cursor.at
    if packed is None and tensor.dtype == "float32":
        return cursor.floats32(tensor.count, tensor.name).reshape(tensor.shape)
    raw = np.frombuffer(cursor.take(tensor.count * tensor.stored.itemsize), tensor.stored)
    if packed is None:
        return raw.astype(np.float32).reshape(tensor.shape)
    values = np.empty(tensor.count, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, tensor.count, _CHUNK):
            part = raw[first : first + _CHUNK].astype(np.float64) * packed.scale + packed.minimum
            # JavaScript's Math.round: halves go up.
            values[first : first + _CHUNK] = (
                np.floor(part + 0.5) if tensor.dtype == "int32" else part
            )
    if not np.isfinite(values).all():
        want = f"finite {tensor.name}"
        cursor.fail(want, f"scale {packed.scale:g}, min {packed.minimum:g}", at=start)
    return values.reshape(tensor.shape)


def _say(value: object) -> str:
    return repr(value)[:80] if isinstance(value, (str, int, float)) else type(value).__name__


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}")


class _Manifest:
    """Checks what a manifest says."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._tensors: set[str] = set()
        self._shards: set[str] = set()

    def fail(self, want: str, found: object) -> NoReturn:
        raise FormatError(self._path, 0, want, _say(found))

    def field(self, value: object, key: str, where: str) -> Any:
        if not isinstance(value, dict):
            self.fail(f"{where} as an object", value)
        if key not in value:
            raise FormatError(self._path, 0, f"{key} of {where}", "none")
        return value[key]

    def items(self, value: object, key: str, where: str) -> list[Any]:
        found = self.field(value, key, where)
        if not isinstance(found, list):
            self.fail(f"{key} of {where} as a list", found)
        return found

    def name(self, value: object, what: str, known: set[str]) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= _MOST_NAME:
            self.fail(f"{what} of 1 to {_MOST_NAME} characters", value)
        if not value.isprintable():
            self.fail(f"{what} that can be printed", value)
        if value in known:
            raise FormatError(self._path, 0, f"each {what} once", f"{value} twice")
        known.add(value)
        return value

    def shard(self, value: object) -> str:
        name = self.name(value, "name of a shard", self._shards)
        # Only files beside the manifest, whatever the platform calls a folder or a drive.
        if name in (".", "..") or any(letter in name for letter in "/\\:"):
            self.fail("a shard beside the manifest", name)
        return name

    def number(self, value: object, what: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{what} as a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(f"a finite {what}", value)
        return number

    def quantisation(self, value: object, name: str, dtype: str) -> Quantisation:
        if dtype not in ("float32", "int32"):
            self.fail(f"{name} of float32 or int32, as it is quantised", dtype)
        where = f"quantization of {name}"
        packed = self.field(value, "dtype", where)
        if packed not in tuple(_PACKED):
            self.fail(f"{where} to {' or '.join(_PACKED)}", packed)
        numbers = [
            self.number(self.field(value, key, where), f"{key} of {name}")
            for key in ("scale", "min")
        ]
        return Quantisation(packed, *numbers)

    def tensor(self, value: object) -> TfjsTensor:
        name = self.name(self.field(value, "name", "a tensor"), "name of a tensor", self._tensors)
        shape, dtype = self.items(value, "shape", name), self.field(value, "dtype", name)
        if len(shape) > _MOST_AXES:
            self.fail(f"{name} with at most {_MOST_AXES} axes", len(shape))
        for side in shape:
            if isinstance(side, bool) or not isinstance(side, int) or side < 1:
                self.fail(f"sides of {name} as whole numbers from 1", side)
        if dtype not in tuple(_STORED):
            self.fail(f"{name} of {', '.join(_STORED)}", dtype)
        assert isinstance(value, dict)
        packed = None
        if value.get("quantization") is not None:
            packed = self.quantisation(value["quantization"], name, dtype)
        return TfjsTensor(name, tuple(shape), dtype, packed)

    def group(self, value: object) -> TfjsGroup:
        tensors = [self.tensor(each) for each in self.items(value, "weights", "a group")]
        shards = [self.shard(each) for each in self.items(value, "paths", "a group")]
        if not tensors or not shards:
            raise FormatError(self._path, 0, "tensors and shards in each group", "none")
        return TfjsGroup(tuple(tensors), tuple(shards))


def read_manifest(data: bytes, path: str) -> tuple[TfjsGroup, ...]:
    """Read a weights manifest, or the one inside a ``model.json``.  Raises FormatError."""
    if len(data) > _MOST_JSON:
        raise FormatError(path, 0, f"a manifest of at most {_MOST_JSON} bytes", f"{len(data)}")
    try:
        content = json.loads(data, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        at = getattr(error, "pos", 0)
        raise FormatError(path, at, "a tfjs weights manifest", str(error)[:200]) from None
    reader = _Manifest(path)
    if isinstance(content, dict):
        content = reader.items(content, "weightsManifest", "a tfjs weights manifest")
    if not isinstance(content, list) or not content:
        reader.fail("a tfjs weights manifest as a list of groups", content)
    return tuple(reader.group(each) for each in content)


def find_manifests(path: Path, model: str | None = None) -> list[Path]:
    """Return the manifests in a folder, in the order of their names, or the file itself.

    model: only that of this name, such as ``tiny_face_detector_model``.
    """
    if not path.is_dir():
        return [path]
    wanted = f"{model}{MANIFEST_ENDING}" if model else None
    found = (each for each in path.iterdir() if each.name.endswith(MANIFEST_ENDING))
    return sorted(each for each in found if wanted in (None, each.name) and each.is_file())


def _one_manifest(path: Path, model: str | None) -> Path:
    found = find_manifests(path, model)
    if len(found) != 1:
        names = ", ".join(each.name for each in found)
        what = f"one {model or '*'}{MANIFEST_ENDING}"
        raise ModelNotFound(f"{path}: wanted {what}, found {names or 'none'}")
    return found[0]


def _read_group(manifest: Path, group: TfjsGroup) -> tuple[bytes, tuple[int, ...]]:
    """Return a group's bytes, exactly as many as its tensors have, and those of each shard."""
    want = sum(tensor.count * tensor.stored.itemsize for tensor in group.tensors)
    sizes: list[int] = []
    parts: list[bytes] = []
    name = ""
    try:
        for name in group.shards:
            path = manifest.with_name(name)
            if not path.is_file():
                raise FileNotFoundError(errno.ENOENT, "none")
            sizes.append(path.stat().st_size)
        if sum(sizes) != want:
            found = f"{sum(sizes)} in {len(sizes)} files"
            raise FormatError(str(manifest), 0, f"{want} bytes of tensors", found)
        for name, size in zip(group.shards, sizes, strict=True):
            with manifest.with_name(name).open("rb") as file:
                parts.append(file.read(size))
    except OSError as error:
        found = error.strerror or str(error)
        raise FormatError(str(manifest), 0, f"the shard {name} beside it", found) from error
    return parts[0] if len(parts) == 1 else b"".join(parts), tuple(sizes)


def _digest(groups: tuple[TfjsGroup, ...], data: tuple[bytes, ...]) -> str:
    said = [
        [t.name, t.shape, t.dtype, q and [q.dtype, q.scale, q.minimum]]
        for group in groups
        for t in group.tensors
        for q in [t.quantisation]
    ]
    digest = hashlib.sha256(json.dumps(said).encode())
    for part in data:
        digest.update(part)
    return digest.hexdigest()


def read_tfjs(path: str | Path, model: str | None = None) -> TfjsWeights:
    """Read a model's weights.

    path: the manifest, or its folder; shards are looked for beside the manifest.
    model: whose weights to take from a folder that has several, such as ``mtcnn_model``.

    Raises FormatError; ModelNotFound where there is no manifest, or more than one.
    """
    manifest = _one_manifest(Path(path), model)
    try:
        if manifest.stat().st_size > _MOST_JSON:
            want = f"a manifest of at most {_MOST_JSON} bytes"
            raise FormatError(str(manifest), 0, want, f"{manifest.stat().st_size}")
        said = manifest.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"{manifest}: {error.strerror or error}") from error
    groups = read_manifest(said, str(manifest))
    room = sum(t.count * t.stored.itemsize for group in groups for t in group.tensors)
    if room > _MOST_BYTES:
        raise FormatError(str(manifest), 0, f"at most {_MOST_BYTES} bytes of tensors", f"{room}")
    parts = [_read_group(manifest, group) for group in groups]
    data = tuple(part for part, _ in parts)
    return TfjsWeights(
        manifest, groups, data, tuple(sizes for _, sizes in parts), _digest(groups, data)
    )
