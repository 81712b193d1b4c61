"""What a weight file holds, whatever it is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from phiz import store
from phiz.errors import FormatError, ModelNotFound, OptionError, PhizError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector, read_upsampling
from phiz.formats.dlib_net import Match, search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.formats.onnx_metadata import OnnxSummary, read_onnx_summary
from phiz.formats.onnx_weights import is_onnx
from phiz.formats.tfjs import find_manifests, read_manifest, read_tfjs
from phiz.graph.arch import Arch, Layout
from phiz.graph.text import dump
from phiz.nets import ARCHITECTURES, PixelSpec, match_tensors
from phiz.values import FhogDetector, Forest
from phiz.zoo import ZOO, Entry, find_by_hash, find_entry

__all__ = [
    "Description",
    "Dlib",
    "FileContent",
    "Hog",
    "describe_file",
    "identify",
    "layer_names",
    "open_weights",
    "read_content",
]

_NAME_START = re.compile(rb"\x01[\x04-\x20](?=[a-z])")  # a string's length in one byte
_LAYER_NAME = re.compile(
    rb"(?:input|loss)[a-z0-9_<>]*|(?:con|cont|bn_con|bn_fc|affine|fc|linear|relu|prelu|leaky_relu"
    rb"|clipped_relu|elu|smelu|sig|htan|mish|gelu|silu|softmax|softmax_all|max_pool|avg_pool"
    rb"|add_prev|mult_prev|multm_prev|resize_prev_to_tagged|scale|scale_prev|concat|dropout"
    rb"|multiply|upsample|resize_to|reshape_to|l2normalize|layer_norm|rms_norm|extract|slice|reorg"
    rb"|transpose|positional_encodings|rotary_positional_embedding|patches_to_sequence"
    rb"|embeddings|tril|act)_\d?"
)


@dataclass(frozen=True, slots=True)
class Hog:
    """A HOG detector's file.

    upsampling: what dlib's ``simple_object_detector`` writes behind it, or None.
    """

    detector: FhogDetector
    upsampling: int | None = None


Dlib: TypeAlias = "Match | Forest | Hog"


@dataclass(frozen=True, slots=True, eq=False)
class FileContent:
    """A weight file as read.

    entry: the zoo entry whose file it is, or None.  sha256: of the unpacked bytes.
    """

    name: str
    entry: Entry | None
    sha256: str
    content: Dlib


@dataclass(frozen=True, slots=True)
class Description:
    """A file in words.  known: whether phiz can read it."""

    text: str
    known: bool


def open_weights(name: str) -> tuple[Entry | None, Path, bytes]:
    """Return the zoo entry, path and unpacked bytes of a model or file; ModelNotFound if none."""
    path = Path(name)
    entry = None if path.is_file() else find_entry(name)
    if entry is not None:
        store.allow_licence(entry)
        path = store.require(entry).path
    elif not path.is_file():
        raise ModelNotFound(f"no model or file {name!r}; there are {', '.join(ZOO)}")
    try:
        data = store.read_weights(path)
    except OSError as error:
        if isinstance(error, PhizError):
            raise
        raise ModelNotFound(f"{path}: {error.strerror or error}") from error
    return entry, path, data


def _read_hog(data: bytes, path: str) -> Hog:
    cursor = Cursor(data, path)
    detector = read_fhog_detector(cursor)
    upsampling = read_upsampling(cursor) if cursor.left else None
    cursor.end("a HOG detector")
    return Hog(detector, upsampling)


def _read_forest(data: bytes, path: str) -> Forest:
    cursor = Cursor(data, path)
    forest = read_shape_predictor(cursor)
    cursor.end("a shape predictor")
    return forest


def identify(
    data: bytes,
    path: str,
    architectures: Mapping[str, Callable[[], Arch | Layout]] = ARCHITECTURES,
) -> Dlib:
    """Read a dlib file as whatever it is.

    Raises the FormatError of what matched furthest: it names the architecture, the layer and the
    byte, and says what was wanted and found.
    """

    def network(data: bytes, path: str) -> Match:
        return search_architectures(data, path, architectures.values())

    readers: tuple[Callable[[bytes, str], Dlib], ...] = (_read_hog, _read_forest, network)
    furthest: FormatError | None = None
    for read in readers:
        try:
            return read(data, path)
        except FormatError as error:
            if furthest is None or error.at >= furthest.at:
                furthest = FormatError(error.path, error.at, error.want, error.found)
    try:
        raise furthest or FormatError(path, 0, "a reader", "none")
    finally:
        furthest = None  # the error's traceback holds this frame: a cycle would keep the file


def read_content(name: str) -> FileContent:
    """Read a model of the zoo, or a dlib file; the entry of a known file is found by its hash.

    Raises OptionError for models of other formats.
    """
    entry, path, data = open_weights(name)
    if data[:1] in (b"[", b"{"):
        raise OptionError(f"{path}: wanted a dlib weight file, found a tfjs manifest")
    digest = store.sha256_of(data)
    if entry is None:
        entry = find_by_hash(digest)
        if entry is not None:
            store.allow_licence(entry)
    else:
        store.verify(entry, digest, path)
    wanted: Mapping[str, Any] = ARCHITECTURES
    if entry is not None and entry.architecture is not None:
        wanted = {entry.architecture: ARCHITECTURES[entry.architecture]}
    return FileContent(path.name, entry, digest, identify(data, str(path), wanted))


def layer_names(data: bytes, most: int = 2000) -> list[str]:
    """Return what look like layers' names, in the file's order: input first, the loss before it."""
    found: list[str] = []
    for start in _NAME_START.finditer(data):
        name = data[start.end() : start.end() + data[start.end() - 1]]
        if _LAYER_NAME.fullmatch(name):
            found.append(name.decode())
            if len(found) == most:
                break
    return found


def _runs(names: list[str]) -> str:
    """Return names with their repetitions counted."""
    runs: list[tuple[str, int]] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    return " ".join(f"{count} x {name}" if count > 1 else name for name, count in runs)


def _describe_match(match: Match) -> list[str]:
    lines = [f"architecture {match.layout.name}"]
    for net in match.nets:
        lines += ["", f"{net.arch.name}: {net.graph.parameters} parameters"]
        kind = net.params.input["kind"]
        mean = net.params.input.get("mean")
        means = f", mean {' '.join(f'{value:g}' for value in mean)}" if mean else ""
        lines.append(f"input {kind}{means}")
        if net.params.loss:
            lines.append(f"loss {net.params.loss['kind']}")
        lines.append(dump(net.graph))
    if match.forest is not None:
        lines += ["", *_describe_forest(match.forest)]
    if match.labels:
        lines += ["", f"{len(match.labels)} labels: {', '.join(match.labels[:8])} ..."]
    lines += [f"picture of {p.shape[1]} x {p.shape[0]} with opacity" for p in match.pictures]
    return lines


def _describe_forest(forest: Forest) -> list[str]:
    cascades, trees, splits = forest.thresholds.shape
    return [
        f"shape predictor of {forest.points} points",
        f"{cascades} cascades of {trees} trees with {splits} splits, "
        f"{forest.anchors.shape[1]} pixels each",
    ]


def _describe_hog(hog: Hog) -> list[str]:
    value = hog.detector
    count, _, rows, columns = value.filters.shape
    lines = [
        f"HOG detector of {count} filter banks, 31 x {rows} x {columns}",
        f"window {value.window[0]} x {value.window[1]}, cells of {value.cell}, "
        f"padding {value.padding}",
        f"thresholds {' '.join(f'{t:g}' for t in value.thresholds)}",
        f"one object above overlap {value.nms[0]:g} or cover {value.nms[1]:g}",
    ]
    if hog.upsampling is not None:
        lines.append(f"upsampling {hog.upsampling}")
    return lines


def _describe_onnx(onnx: OnnxSummary) -> list[str]:
    lines = [
        f"ONNX model {onnx.graph} by {onnx.producer}",
        f"inputs {', '.join(onnx.inputs)}; outputs {', '.join(onnx.outputs)}",
    ]
    lines += [f"{key}: {value}" for key, value in onnx.metadata.items()]
    sides = dict(onnx.weights)
    for node in onnx.nodes:
        shapes = [" x ".join(map(str, sides[name])) for name in node.inputs if sides.get(name)]
        weights = f"  [{'; '.join(shapes)}]" if shapes else ""
        lines.append(f"{', '.join(node.outputs)} = {node.kind}({', '.join(node.inputs)}){weights}")
    return lines


def _describe_pixels(spec: PixelSpec) -> str:
    side = f"{spec.side} x {spec.side}" if spec.side else "any size"
    swapped = ", rows and columns exchanged" if spec.swapped else ""
    mean = " ".join(f"{value:g}" for value in spec.mean)
    return f"input {side} {spec.colour}{swapped}, mean {mean}, scale {spec.scale:g}"


def _describe_tfjs(data: bytes, path: Path) -> tuple[list[str], bool]:
    """List the tensors of a tfjs manifest, and the layers if its shards are there and fit."""
    lines = ["tfjs weights manifest"]
    for group in read_manifest(data, str(path)):
        lines.append(f"paths {', '.join(group.shards)}")
        for tensor in group.tensors:
            packed = f" as {tensor.quantisation.dtype}" if tensor.quantisation else ""
            sides = " x ".join(str(side) for side in tensor.shape)
            lines.append(f"  {tensor.name}  {sides}  {tensor.dtype}{packed}")
    try:
        weights = read_tfjs(path)
        arch, networks = match_tensors(weights.tensors(), str(path))
    except FormatError as error:
        return [*lines, "", *_describe_misfit(error)], False
    known = find_by_hash(weights.digest)
    of = f", those of {known.name}" if known else ""
    lines += ["", f"architecture {arch.name}", f"weights {weights.digest}{of}"]
    lines.append(_describe_pixels(arch.pixels))
    lines += [f"{key} {array.shape}" for key, array in networks.arrays.items()]
    for graph in networks.graphs:
        lines += ["", f"{graph.name}: {graph.parameters} parameters", dump(graph)]
    return lines, True


def _describe_misfit(error: FormatError) -> list[str]:
    return [
        "no architecture that phiz knows",
        f"  wanted {error.want}",
        f"  found {error.found}",
    ]


def _describe_unknown(data: bytes, error: FormatError) -> list[str]:
    head, *rest = _describe_misfit(error)
    lines = [head, f"it fits until byte {error.at}", *rest]
    names = layer_names(data)
    if names:
        lines.append(f"layers by name, first to last: {_runs(names)}")
    return lines


def describe_file(name: str) -> Description:
    """Say what a model or file holds: a dlib file, packed or not, ONNX, or a tfjs manifest.

    A folder stands for the tfjs manifests in it.  A file that no architecture fits is described
    by what matched furthest and where.
    Raises ModelNotFound; FormatError for an ONNX file or manifest that is damaged.
    """
    if Path(name).is_dir() and (manifests := find_manifests(Path(name))):
        each = [describe_file(str(manifest)) for manifest in manifests]
        return Description("\n\n".join(one.text for one in each), all(one.known for one in each))
    entry, path, data = open_weights(name)
    known = True
    if is_onnx(data):
        lines = _describe_onnx(read_onnx_summary(data, str(path)))
        with contextlib.suppress(FormatError):  # most are not dlib's, exported layer by layer
            match = search_architectures(data, str(path), ARCHITECTURES.values())
            lines.append(f"parameters of the architecture {match.layout.name}")
    elif data[:1] in (b"[", b"{"):
        lines, known = _describe_tfjs(data, path)
    else:
        try:
            content = identify(data, str(path))
        except FormatError as error:
            lines, known = _describe_unknown(data, error), False
        else:
            if isinstance(content, Match):
                lines = _describe_match(content)
            elif isinstance(content, Forest):
                lines = _describe_forest(content)
            else:
                lines = _describe_hog(content)
    head = f"{path}: {len(data)} bytes" + (f", {entry.name}" if entry else "")
    return Description("\n".join([head, *lines]), known)
