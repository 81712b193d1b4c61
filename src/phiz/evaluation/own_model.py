"""A describer that a user brings: an ONNX file, and a JSON file that says what it is fed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phiz.errors import OptionError
from phiz.geometry import ARCFACE_112, ChipKind, ChipSpec
from phiz.models.onnx_describer import OnnxDescriber, OnnxInput
from phiz.runtime import Runtime, default_runtime
from phiz.values import Metric

__all__ = ["load_own_model"]

_LARGEST = 2**31 - 1  # bytes: what a protocol buffer may have
_SPEC = 1 << 16  # bytes
_KEYS = {
    "size", "colour", "mean", "scale", "layout", "align", "template", "padding", "metric",
    "threshold",
}  # fmt: skip


def _number(value: object, name: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise OptionError(f"{name}: wanted a number, found {value!r}")
    return float(value)  # type: ignore[arg-type]


def _three(value: object, name: str) -> tuple[float, float, float]:
    """Return three numbers; one is taken for each colour."""
    parts = value if isinstance(value, list) else [value] * 3
    if len(parts) != 3:
        raise OptionError(f"{name}: wanted one number or three, found {len(parts)}")
    one, two, three = (_number(part, name) for part in parts)
    return one, two, three


def _chosen(spec: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> Any:
    value = spec.get(name, default)
    if value not in known:
        raise OptionError(f"{name}: wanted {' or '.join(known)}, found {value!r}")
    return value


def _chip(spec: Mapping[str, Any]) -> ChipSpec:
    """Return the crop that a specification asks for."""
    size = spec.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 8 <= size <= 1024:
        raise OptionError(f"size: wanted whole pixels, 8 to 1024, found {size!r}")
    kind: ChipKind = _chosen(spec, "align", ("five-points", "dlib"), "five-points")
    if kind == "dlib":
        return ChipSpec("dlib", size, _number(spec.get("padding", 0.25), "padding"))
    points = spec.get("template")
    if points is None:
        scale = size / ARCFACE_112.size
        return ChipSpec(
            kind, size, 0.0, tuple((x * scale, y * scale) for x, y in ARCFACE_112.template)
        )
    if not isinstance(points, list) or len(points) != 5:
        raise OptionError("template: wanted five points [x, y]")
    pairs = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise OptionError(f"template: wanted points [x, y], found {point!r}")
        pairs.append((_number(point[0], "template"), _number(point[1], "template")))
    return ChipSpec(kind, size, 0.0, tuple(pairs))


def _read(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise OptionError(f"{path}: wanted at most {most} bytes, found {path.stat().st_size}")
    return path.read_bytes()


def _read_spec(path: Path) -> dict[str, Any]:
    try:
        spec = json.loads(_read(path, _SPEC))
    except (ValueError, RecursionError) as error:
        raise OptionError(f"not JSON: {error}") from error
    if not isinstance(spec, dict):
        raise OptionError("wanted a JSON object")
    unknown = sorted(set(spec) - _KEYS)
    if unknown:
        raise OptionError(f"unknown key {unknown[0]!r}; there are {', '.join(sorted(_KEYS))}")
    return spec


def load_own_model(
    path: str | os.PathLike[str],
    spec: str | os.PathLike[str],
    *,
    runtime: Runtime | None = None,
) -> OnnxDescriber:
    """Load a describer from an ONNX file and its input specification, a JSON object.

    size: side of the square chip, pixels.  colour: "RGB" (default) or "BGR".  mean, scale: a number
        or three, in the order of colours: the network is fed (pixel - mean) * scale, pixels 0 to
        255; by default 127.5 and 1 / 127.5.  layout: "NCHW" (default) or "NHWC".
    align: "five-points" (default) or "dlib".  template: five points [x, y] in the chip's pixels,
        middles of the eyes, tip of the nose, corners of the mouth, each the left one in the picture
        first; by default ArcFace's, scaled to the size.  padding: of dlib's mean face, 0.25.
    metric: "cosine" (default) or "euclidean".  threshold: below it two faces count as one person.

    Raises OptionError for what it cannot use, OSError for a file that cannot be read.
    """
    with _naming(spec):
        wanted = _wanted(_read_spec(Path(spec)))
    with _naming(path):
        return _load(Path(path), wanted, runtime or default_runtime())


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Begin the message of an error with the file that it is about."""
    try:
        yield
    except OptionError as error:
        raise OptionError(f"{os.fspath(path)}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a specification says."""

    chip: ChipSpec
    colour: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    layout: Literal["NCHW", "NHWC"]
    metric: Metric
    threshold: float


def _wanted(spec: Mapping[str, Any]) -> _Wanted:
    if "threshold" not in spec:
        raise OptionError("threshold: wanted a distance below which two faces are one person")
    return _Wanted(
        _chip(spec),
        _chosen(spec, "colour", ("RGB", "BGR"), "RGB"),
        _three(spec.get("mean", 127.5), "mean"),
        _three(spec.get("scale", 1 / 127.5), "scale"),
        _chosen(spec, "layout", ("NCHW", "NHWC"), "NCHW"),
        _chosen(spec, "metric", ("cosine", "euclidean"), "cosine"),
        _number(spec["threshold"], "threshold"),
    )


def _load(path: Path, wanted: _Wanted, runtime: Runtime) -> OnnxDescriber:
    from phiz.backends.ort import foreign_session  # loaded when it is needed

    model = _read(path, _LARGEST)
    session, inputs, outputs = foreign_session(model, threads=runtime.threads)
    size, layout = wanted.chip.size, wanted.layout
    sides = (3, size, size) if layout == "NCHW" else (size, size, 3)
    if len(inputs) != 1 or outputs != 1:
        raise OptionError(
            f"wanted a network of one input and one output, found {len(inputs)} and {outputs}"
        )
    (given,) = inputs
    fits = len(given.shape) == 4 and all(
        have in (None, want) for have, want in zip(given.shape[1:], sides, strict=True)
    )
    if not fits or given.kind != "tensor(float)":
        raise OptionError(
            f"wanted a network that takes float32 (n, {', '.join(map(str, sides))}), "
            f"found {given.kind} {given.shape}"
        )
    feed = OnnxInput(given.name, given.shape[0], wanted.colour, wanted.mean, wanted.scale, layout)
    digest = hashlib.sha256(model).hexdigest()
    settings = hashlib.sha256(f"{wanted.chip} {feed} {wanted.metric}".encode()).hexdigest()
    return OnnxDescriber(
        session,
        name=path.stem,
        identity=f"{path.stem} {digest} {settings} {wanted.threshold}",
        chip=wanted.chip,
        given=feed,
        space=f"{digest[:16]} {settings[:16]} float32",
        threshold=wanted.threshold,
        metric=wanted.metric,
    )
