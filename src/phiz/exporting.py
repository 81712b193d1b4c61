"""A model's weights in another format."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from phiz.cache import writing
from phiz.checks import F32
from phiz.errors import OptionError
from phiz.formats.dlib_fhog_write import write_fhog_detector
from phiz.formats.dlib_net import Match, Net
from phiz.formats.dlib_shape_write import write_shape_predictor
from phiz.formats.dlib_write import write_match
from phiz.formats.onnx import encode_onnx
from phiz.formats.onnx_metadata import describe_input
from phiz.formats.torch_zip import write_state_dict
from phiz.graph.graph import Graph, apply
from phiz.graph.ops import Op
from phiz.graph.passes import drop_tiny, fold_affine, fold_batch_norm
from phiz.inspecting import FileContent, Hog, read_content
from phiz.values import Forest
from phiz.zoo import Entry

__all__ = ["TARGETS", "Exported", "Target", "export", "state_dict", "to_onnx"]

Target = Literal["dat", "onnx", "torch", "npz"]
TARGETS: tuple[Target, ...] = get_args(Target)

_TRAINING = ("x_grad", "cached_output", "params_grad", "grad_final")
_TORCH_NAMES = {
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    paths: the files.  left_out: parts of the weight file that the format has no place for.
    """

    paths: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def licence_metadata(entry: Entry) -> dict[str, str]:
    """Return a model's name, licence and chip as ONNX metadata."""
    licence = entry.licence
    found = {
        "phiz.model": entry.name,
        "phiz.licence": licence.text,
        "phiz.licence.evidence": licence.evidence,
        "phiz.licence.commercial": licence.commercial,
        "phiz.training_data": licence.training_data,
        "phiz.limits": entry.limits,
    }
    if entry.chip is not None:
        found["phiz.chip.kind"] = entry.chip.kind
        found["phiz.chip.size"] = str(entry.chip.size)
        found["phiz.chip.padding"] = f"{entry.chip.padding:g}"
    if entry.labels is not None:
        found["phiz.labels"] = json.dumps(entry.labels)
    if entry.threshold is not None:
        found["phiz.threshold"] = f"{entry.threshold:g}"
    return found


def to_onnx(net: Net, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a network as ONNX, normalisation merged into convolutions.

    metadata: more than the pre-processing, which is always there.
    """
    said = {
        "phiz.architecture": net.arch.name,
        **describe_input(net.graph, net.params.input, net.params.loss),
        **(metadata or {}),
    }
    doc = f"{net.arch.name}. " + " ".join(
        f"{key.removeprefix('phiz.')}: {said[key]}." for key in ("phiz.licence",) if key in said
    )
    graph = apply(net.graph, fold_batch_norm, fold_affine, drop_tiny)
    return encode_onnx(graph, metadata=said, doc=doc.strip())


def state_dict(graph: Graph) -> dict[str, F32]:
    """Return a network's parameters under PyTorch's names and in its layouts.

    ``NODE.weight`` is (out, in, rows, columns) of a convolution, (in, out, rows, columns) of a
    transposed one and (out, in) of a fully connected layer, whose inputs count channels, then
    rows, then columns.  Batch normalisation has running_mean and running_var; a mere scale and
    shift per channel has weight and bias, (channels,).
    """
    found = {}
    for node in graph.nodes:
        for key, array in node.params.items():
            turned = node.op in (Op.FC, Op.LINEAR) and key == "weight"
            value = array.T if turned else array
            found[f"{node.name}.{_TORCH_NAMES.get(key, key)}"] = np.ascontiguousarray(value)
    return found


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(item) for key, item in asdict(value).items()}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _net_arrays(net: Net, prefix: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a network's layers, and all else that its file says."""
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for number, have in enumerate(net.params.layers):
        meta: dict[str, Any] = {"kind": have.kind}
        for key, value in (*have.arrays.items(), *have.meta.items()):
            if not isinstance(value, np.ndarray):
                meta[key] = _plain(value)
            elif value.size and key not in _TRAINING:
                arrays[f"{prefix}layer{number:03}.{have.kind}.{key}"] = value
        layers.append(meta)
    said = {"input": _plain(net.params.input), "layers": layers, "loss": _plain(net.params.loss)}
    return arrays, {"architecture": net.arch.name, **said}


def _fields(value: Forest | Hog) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return a value's arrays and its other fields."""
    flat = value.detector if isinstance(value, Hog) else value
    items = {name: getattr(flat, name) for name in flat.__slots__}
    rest = {key: _plain(item) for key, item in items.items() if not isinstance(item, np.ndarray)}
    if isinstance(value, Hog):
        rest["upsampling"] = value.upsampling
    return {key: item for key, item in items.items() if isinstance(item, np.ndarray)}, rest


def _write_npz(file: FileContent, out: Path) -> Exported:
    content = file.content
    arrays: dict[str, NDArray[Any]] = {}
    said: dict[str, Any] = {"file": file.name, "sha256": file.sha256}
    if isinstance(content, Match):
        said["nets"] = []
        for net in content.nets:
            more, rest = _net_arrays(net, f"{net.arch.name}/" if len(content.nets) > 1 else "")
            arrays |= more
            said["nets"].append(rest)
        if content.forest is not None:
            arrays |= {f"shape.{key}": value for key, value in _fields(content.forest)[0].items()}
        arrays |= {f"picture{i}": picture for i, picture in enumerate(content.pictures)}
        said["labels"] = list(content.labels)
    else:
        arrays, rest = _fields(content)
        said |= rest
    arrays["json"] = np.array(json.dumps(said))
    with writing(out) as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    return Exported((out,))


def _write_dat(file: FileContent, out: Path) -> Exported:
    content = file.content
    if isinstance(content, Match):
        data = write_match(content)
    elif isinstance(content, Forest):
        data = write_shape_predictor(content)
    else:
        data = write_fhog_detector(content.detector, upsampling=content.upsampling)
    _write(out, data)
    return Exported((out,))


def _write(path: Path, content: bytes) -> None:
    with writing(path) as file:
        file.write(content)


def _paths(match: Match, out: Path) -> list[Path]:
    """Return a path for each network: ``out``, or with the part's own name if there are several."""
    if len(match.nets) == 1:
        return [out]
    start = f"{match.layout.name}-"
    names = [net.arch.name.removeprefix(start) for net in match.nets]
    return [out.with_name(f"{out.stem}-{name}{out.suffix}") for name in names]


def _left_out(match: Match) -> tuple[str, ...]:
    parts = []
    if match.forest is not None:
        parts.append("a shape predictor")
    if match.pictures:
        parts.append(f"{len(match.pictures)} pictures")
    return tuple(parts)


def _write_nets(file: FileContent, to: Target, out: Path) -> Exported:
    match = file.content
    if not isinstance(match, Match):
        what = "a shape predictor" if isinstance(match, Forest) else "a HOG detector"
        raise OptionError(f"{what} is no network: wanted dat or npz to export to, found {to}")
    paths = _paths(match, out)
    said = {"phiz.weights.sha256": file.sha256}
    if file.entry is not None:
        said |= licence_metadata(file.entry)
    if match.labels:
        said["phiz.labels"] = json.dumps(match.labels)
    for net, path in zip(match.nets, paths, strict=True):
        onnx = to == "onnx"
        _write(path, to_onnx(net, said) if onnx else write_state_dict(state_dict(net.graph)))
    return Exported(tuple(paths), _left_out(match))


def export(name_or_path: str | os.PathLike[str], to: Target, out: str | Path) -> Exported:
    """Write a model's weights in another format.

    name_or_path: a model of the zoo that is here, or a dlib weight file, packed or not.
    to: "dat", dlib's own, which C++ programs load; "onnx", with pre-processing and licence as
        metadata; "torch", a state dict (see :func:`state_dict`); "npz", every array of every
        layer, ``layerNNN.kind.array`` counted from the input, and a JSON text of the rest.
    out: the file; one of several networks gets its part's name: ``out-generator.onnx``.

    Raises OptionError for a format that the model has no place in, and what
    :func:`phiz.loading.load` raises for its file.
    """
    if to not in TARGETS:
        raise OptionError(f"wanted {', '.join(TARGETS)} to export to, found {to!r}")
    file, path = read_content(os.fspath(name_or_path)), Path(out)
    if to == "dat":
        return _write_dat(file, path)
    if to == "npz":
        return _write_npz(file, path)
    return _write_nets(file, to, path)
