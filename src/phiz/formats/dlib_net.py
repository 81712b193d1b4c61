"""dlib networks: architecture and bytes are walked side by side.

A network is written recursively, outermost layer first: each node writes its version, then all
that is beneath it, then its own fields.  So a file begins with the versions from the output down
to the input, and the layers' fields follow from the input up.  Source: dlib ``dnn/core.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from phiz.checks import U8
from phiz.errors import FormatError, ShapeError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_ends import read_input, read_loss
from phiz.formats.dlib_layers import read_layer, same
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.formats.dlib_stream import (
    read_array,
    read_bool,
    read_int,
    read_string,
    read_tensor,
    read_version,
)
from phiz.formats.onnx_weights import is_onnx, params_by_layer
from phiz.graph.arch import Arch, ArchParams, Extra, LayerParams, Layout
from phiz.graph.graph import Graph
from phiz.graph.layers import Layer, Repeat, Skip, Tag
from phiz.values import Forest

__all__ = ["Match", "Net", "read_net", "search_architectures"]

_FLAGS = ("setup_called", "gradient_input_is_stale", "output_and_gradient_disabled")
_BIGGEST_PICTURE = 1 << 24  # pixels of one that comes with a network


def _plain(layer: Layer) -> bool:
    """Say whether a node writes only a version (tags and skips do)."""
    return isinstance(layer, (Tag, Skip))


def _read_state(cursor: Cursor, what: str, extra: tuple[str, ...]) -> dict[str, Any]:
    """Read what a layer node keeps for training: three flags and some tensors, mostly empty."""
    state: dict[str, Any] = {flag: read_bool(cursor, f"{flag} of {what}") for flag in _FLAGS}
    for name in ("x_grad", "cached_output", *extra):
        state[name] = read_tensor(cursor, f"{name} of {what}")
    return state


class _Reader:
    """Walks an architecture's layers; ``number`` is dlib's, for messages."""

    def __init__(self, cursor: Cursor, arch: Arch) -> None:
        self._cursor = cursor
        self._arch = arch
        self._first = 0 if arch.loss is None else 1
        self.input: Mapping[str, Any] = {}

    def _what(self, number: int) -> str:
        return f"layer {number} of {self._arch.name}"

    def read(self, layers: tuple[Layer, ...], number: int, *, inner: bool) -> list[LayerParams]:
        """Read layers that stand on an input layer: the network's, or (inner) a repetition's.

        number: of the last of them.  Returns their parameters in the order in which data flows.
        """
        cursor = self._cursor
        versions: list[int] = [0] * len(layers)
        numbers: list[int] = [0] * len(layers)
        repeated: dict[int, list[LayerParams]] = {}
        for index in reversed(range(len(layers))):
            layer, what, numbers[index] = layers[index], self._what(number), number
            if isinstance(layer, Repeat):
                repeated[index] = self._read_repeat(layer, number)
                number += len(repeated[index])
                continue
            if _plain(layer):
                allowed = (1, 2) if index == 0 else (1,)
            else:
                allowed = (2, 3) if index == 0 else (1, 2)
            versions[index] = read_version(cursor, allowed, what)
            number += 1
        found: list[LayerParams] = []
        for index, layer in enumerate(layers):
            what = self._what(numbers[index])
            if index in repeated:
                found += repeated[index]
            elif index == 0:
                found.append(self._read_first(layer, what, versions[0], inner=inner))
            elif _plain(layer):
                found.append(LayerParams(type(layer).__name__.lower(), {}, {}))
            else:
                details = read_layer(cursor, layer, what)
                extra = ("params_grad",) if versions[index] == 2 else ()
                state = _read_state(cursor, what, extra)
                found.append(LayerParams(details.kind, details.arrays, {**details.meta, **state}))
        return found

    def _read_repeat(self, layer: Repeat, number: int) -> list[LayerParams]:
        """Read the repetitions: the last to be evaluated comes first."""
        what = f"the repetition at layer {number} of {self._arch.name}"
        read_version(self._cursor, (1,), what)
        start = self._cursor.at
        count = read_int(self._cursor, f"the count of {what}")
        same(self._cursor, f"{what} with a count of", layer.count, count, start)
        groups = []
        for _ in range(count):
            groups.append(self.read(layer.layers, number, inner=True))
            number += len(groups[-1])
        return [params for group in reversed(groups) for params in group]

    def _read_first(self, layer: Layer, what: str, version: int, *, inner: bool) -> LayerParams:
        """Read the node that sits on the input layer, and the input layer in front of it."""
        cursor = self._cursor
        if not inner:
            self.input = read_input(cursor, self._arch.input)
        if _plain(layer):
            state: dict[str, Any] = {
                name: read_tensor(cursor, f"{name} of {what}")
                for name in ("cached_output", "grad_final")
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
            if factor not in (0, 1, 2):  # 0 where a repetition was never run
                cursor.fail("a sample expansion factor of 0, 1 or 2", str(factor), at=start)
            first = LayerParams(first.kind, first.arrays, {**first.meta, "expansion": factor})
        return first


def read_net(cursor: Cursor, arch: Arch) -> ArchParams:
    """Read a network of this architecture and leave the cursor behind it.

    Parameters come back as the file has them: batch normalisation stays batch normalisation.
    Raises FormatError at the first byte that contradicts the architecture.
    """
    loss: Mapping[str, Any] = {}
    if arch.loss is not None:
        read_version(cursor, (1,), f"the loss of {arch.name}")
        loss = read_loss(cursor, arch.loss)
    reader = _Reader(cursor, arch)
    layers = reader.read(arch.layers, 0 if arch.loss is None else 1, inner=False)
    return ArchParams(reader.input, tuple(layers), loss)


@dataclass(frozen=True, slots=True)
class Net:
    """A network in a file: its architecture, its parameters, and the graph of both."""

    arch: Arch
    params: ArchParams
    graph: Graph


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What a weight file was found to hold.

    nets: in the file's order.  forest: its shape predictor.  labels: its list of them.
    pictures: (h, w, 4) uint8, red green blue opacity.
    """

    layout: Layout
    nets: tuple[Net, ...]
    forest: Forest | None = None
    labels: tuple[str, ...] = ()
    pictures: tuple[U8, ...] = ()

    @property
    def arch(self) -> Arch:
        """The architecture of the first network."""
        return self.nets[0].arch

    @property
    def params(self) -> ArchParams:
        """The parameters of the first network."""
        return self.nets[0].params

    @property
    def graph(self) -> Graph:
        """The graph of the first network."""
        return self.nets[0].graph


def _lower(cursor: Cursor, arch: Arch, params: ArchParams) -> Graph:
    """Return the graph; parameters that fit the bytes but not each other are a FormatError."""
    try:
        return arch.lower(params)
    except ShapeError as error:
        cursor.fail(f"layers of {arch.name} that fit each other", str(error))


def _read_picture(cursor: Cursor) -> U8:
    """Read a matrix<rgb_alpha_pixel>; returns (h, w, 4) uint8."""
    start = cursor.at
    rows, columns = (-read_int(cursor, f"a picture's {side}") for side in ("rows", "columns"))
    if rows < 0 or columns < 0 or rows * columns > _BIGGEST_PICTURE:
        cursor.fail("a picture's size", f"{rows} x {columns}", at=start)
    picture: U8 = np.frombuffer(cursor.take(4 * rows * columns, "pixels"), np.uint8).copy()
    return picture.reshape(rows, columns, 4)


def _read_layout(cursor: Cursor, layout: Layout) -> Match:
    nets: list[Net] = []
    pictures: list[U8] = []
    forest: Forest | None = None
    labels: tuple[str, ...] = ()
    for part in layout.parts:
        if part is Extra.SHAPE:
            forest = read_shape_predictor(cursor)
        elif part is Extra.LABELS:
            labels = tuple(
                read_array(cursor, "labels", lambda c: read_string(c, "a label"), each=2)
            )
        elif part is Extra.RGBA:
            pictures.append(_read_picture(cursor))
        elif not isinstance(part, Extra):
            arch = part()
            params = read_net(cursor, arch)
            nets.append(Net(arch, params, _lower(cursor, arch, params)))
    return Match(layout, tuple(nets), forest, labels, tuple(pictures))


def _read_exported(cursor: Cursor, layout: Layout) -> Match:
    """Read a dlib network that somebody exported to ONNX layer by layer."""
    (part, *others) = layout.parts
    if others or isinstance(part, Extra):
        cursor.fail(f"a dlib file of {layout.name}", "an ONNX file")
    arch = part()
    params = params_by_layer(cursor, arch)
    return Match(layout, (Net(arch, params, _lower(cursor, arch, params)),))


def search_architectures(
    data: bytes | bytearray | memoryview,
    path: str,
    architectures: Iterable[Callable[[], Arch | Layout]],
) -> Match:
    """Find the architecture that a weight file holds by reading it as each one.

    The whole file must be used up.  Raises the FormatError of the architecture that matched
    furthest, with its name.
    """
    furthest: FormatError | None = None
    exported = is_onnx(memoryview(data))
    for make in architectures:
        made, cursor = make(), Cursor(data, path)
        layout = made if isinstance(made, Layout) else _alone(made)
        try:
            if exported:
                match = _read_exported(cursor, layout)
            else:
                match = _read_layout(cursor, layout)
                cursor.end(f"a {layout.name} network")
        except FormatError as error:
            if furthest is None or error.at > furthest.at:
                # A copy: the error's own traceback would keep half-read parameters in memory.
                want = f"{error.want} (reading it as {layout.name}, which matches furthest)"
                furthest = FormatError(path, error.at, want, error.found)
        else:
            return match
    try:
        raise furthest or FormatError(path, 0, "an architecture to read the file as", "none")
    finally:
        furthest = None  # the error's traceback holds this frame: a cycle would keep the file


def _alone(arch: Arch) -> Layout:
    return Layout(arch.name, (lambda: arch,))
