"""dlib networks: architecture and bytes are walked side by side.

A network is written recursively, outermost layer first: each node writes its version, then all
that is beneath it, then its own fields.  So a file begins with the versions from the output down
to the input, and the layers' fields follow from the input up.  Source: dlib ``dnn/core.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from phiz.errors import FormatError, ShapeError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_layers import read_input, read_layer, read_loss
from phiz.formats.dlib_stream import read_bool, read_int, read_tensor, read_version
from phiz.graph.arch import Arch, ArchParams, Layer, LayerParams, Skip, Tag
from phiz.graph.graph import Graph

__all__ = ["Match", "read_net", "search_architectures"]

_FLAGS = ("setup_called", "gradient_input_is_stale", "output_and_gradient_disabled")


def _plain(layer: Layer) -> bool:
    """Say whether a node writes only a version (tags and skips do)."""
    return isinstance(layer, (Tag, Skip))


def _read_state(cursor: Cursor, what: str, extra: tuple[str, ...]) -> dict[str, Any]:
    """Read what a layer node keeps for training: three flags and some tensors, mostly empty."""
    state: dict[str, Any] = {flag: read_bool(cursor, f"{flag} of {what}") for flag in _FLAGS}
    for name in ("x_grad", "cached_output", *extra):
        state[name] = read_tensor(cursor, f"{name} of {what}")
    return state


def _read_versions(cursor: Cursor, arch: Arch) -> list[int]:
    """Read the versions of all nodes, from the output to the input; returns them input first."""
    versions = []
    for index in reversed(range(len(arch.layers))):
        layer = arch.layers[index]
        what = _what(arch, index)
        if _plain(layer):
            allowed = (1, 2) if index == 0 else (1,)
        else:
            allowed = (2, 3) if index == 0 else (1, 2)
        versions.append(read_version(cursor, allowed, what))
    return versions[::-1]


def _what(arch: Arch, index: int) -> str:
    return f"layer {arch.layer_number(index)} of {arch.name}"


def _read_first(cursor: Cursor, arch: Arch, version: int) -> tuple[Any, LayerParams]:
    """Read the node that sits on the input layer, and the input layer in front of it."""
    layer, what = arch.layers[0], _what(arch, 0)
    mean = read_input(cursor, arch.input)
    if _plain(layer):
        state: dict[str, Any] = {
            name: read_tensor(cursor, f"{name} of {what}") for name in ("cached_output", "grad")
        }
        state["gradient_input_is_stale"] = read_bool(cursor, f"a flag of {what}")
        expansion = version == 2
        first = LayerParams("tag", {}, state)
    else:
        details = read_layer(cursor, layer, what)
        state = _read_state(cursor, what, ("grad_final",))
        expansion = version == 3
        first = LayerParams(details.kind, details.arrays, {**details.meta, **state})
    if expansion:
        start = cursor.at
        factor = read_int(cursor, "the sample expansion factor")
        if factor not in (1, 2):
            cursor.fail("a sample expansion factor of 1 or 2", str(factor), at=start)
    return mean, first


def read_net(cursor: Cursor, arch: Arch) -> ArchParams:
    """Read a network of this architecture and leave the cursor behind it.

    Parameters come back as the file has them: batch normalisation stays batch normalisation.
    Raises FormatError at the first byte that contradicts the architecture.
    """
    loss: Mapping[str, Any] = {}
    if arch.loss is not None:
        read_version(cursor, (1,), f"the loss of {arch.name}")
        loss = read_loss(cursor, arch.loss)
    versions = _read_versions(cursor, arch)
    mean, first = _read_first(cursor, arch, versions[0])
    layers = [first]
    for index in range(1, len(arch.layers)):
        layer = arch.layers[index]
        if _plain(layer):
            layers.append(LayerParams(type(layer).__name__.lower(), {}, {}))
            continue
        what = _what(arch, index)
        details = read_layer(cursor, layer, what)
        extra = ("params_grad",) if versions[index] == 2 else ()
        state = _read_state(cursor, what, extra)
        layers.append(LayerParams(details.kind, details.arrays, {**details.meta, **state}))
    return ArchParams(mean, tuple(layers), loss)


@dataclass(frozen=True, slots=True)
class Match:
    """The architecture a file was found to hold, its parameters, and the graph of both."""

    arch: Arch
    params: ArchParams
    graph: Graph


def _lower(cursor: Cursor, arch: Arch, params: ArchParams) -> Graph:
    """Return the graph; parameters that fit the bytes but not each other are a FormatError."""
    try:
        return arch.lower(params)
    except ShapeError as error:
        cursor.fail(f"layers of {arch.name} that fit each other", str(error))


def search_architectures(
    data: bytes | bytearray | memoryview,
    path: str,
    architectures: Iterable[Callable[[], Arch]],
) -> Match:
    """Find the architecture that a network file holds by reading it as each one.

    The whole file must be used up.  Raises the FormatError of the architecture that matched
    furthest, with its name.
    """
    furthest: FormatError | None = None
    for make in architectures:
        arch, cursor = make(), Cursor(data, path)
        try:
            params = read_net(cursor, arch)
            cursor.end(f"a {arch.name} network")
            graph = _lower(cursor, arch, params)
        except FormatError as error:
            if furthest is None or error.at > furthest.at:
                # A copy: the error's own traceback would keep half-read parameters in memory.
                want = f"{error.want} (reading it as {arch.name}, which matches furthest)"
                furthest = FormatError(path, error.at, want, error.found)
        else:
            return Match(arch, params, graph)
    raise furthest or FormatError(path, 0, "an architecture to read the file as", "none")
