"""dlib networks and whole weight files, written: the counterpart of ``dlib_net``.

Layers are written as they were read: a ``con_4`` stays one.  Nodes are of the newest version, and
what a network keeps for training between two steps (gradients and outputs) is left empty.
Source: dlib ``dnn/core.h``, ``input.h``, ``loss.h``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phiz.errors import ShapeError
from phiz.formats.dlib_net import Match
from phiz.formats.dlib_shape_write import write_shape_predictor
from phiz.formats.dlib_write_layers import wanted_kind, write_layer
from phiz.formats.dlib_write_stream import (
    DOUBLE,
    EMPTY_TENSOR,
    write_bool,
    write_float,
    write_int,
    write_string,
)
from phiz.graph.arch import Arch, ArchParams, Extra, LayerParams
from phiz.graph.layers import (
    Input,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    InputRgb,
    Layer,
    Loss,
    LossBarlowTwins,
    LossMetric,
    LossMmod,
    Repeat,
    Skip,
    Tag,
)
from phiz.values import MmodOptions

__all__ = ["write_match", "write_net"]

_FLAGS = {
    "setup_called": True,
    "gradient_input_is_stale": True,
    "output_and_gradient_disabled": False,
}

_MEAN = (122.782, 117.001, 104.298)
_MARGIN, _THRESHOLD = 0.04, 0.6  # of the metric loss


def _write_input(layer: Input, have: Mapping[str, Any]) -> bytes:
    """Write the input layer: its kind, then what it says beside that."""
    if isinstance(layer, (InputMatrix, InputPlanes)):
        plain = "input<matrix>" if isinstance(layer, InputMatrix) else "input<array<matrix>>"
        return write_string(have.get("kind", plain))
    if isinstance(layer, InputPyramid):
        kind = have.get("kind", "input_rgb_image_pyramid2")
    else:
        kind = have.get("kind", "input_rgb_image_sized" if layer.sized else "input_rgb_image")
    out = write_string(kind) + b"".join(write_float(mean) for mean in have.get("mean", _MEAN))
    if isinstance(layer, InputRgb) and kind == "input_rgb_image_sized":
        out += b"".join(map(write_int, have.get("sides", (layer.size, layer.size))))
    if kind == "input_rgb_image_pyramid2":
        out += write_int(have.get("padding", 10)) + write_int(have.get("outer_padding", 11))
    return out


def _doubles(*values: float) -> bytes:
    return b"".join(write_float(value, DOUBLE) for value in values)


def _write_mmod_options(options: MmodOptions) -> bytes:
    out, version = write_int(options.version), options.version
    if version == 1:
        if len(options.windows) != 1:
            raise ShapeError(f"mmod options 1: wanted one window, found {len(options.windows)}")
        window = options.windows[0]
        out += write_int(window.width) + write_int(window.height)
    else:
        # Options 2 came before windows had labels.
        labelled = version > 2 or any(window.label for window in options.windows)
        out += write_int(len(options.windows))
        for window in options.windows:
            out += write_int(1 + labelled) + write_int(window.width) + write_int(window.height)
            out += write_string(window.label) if labelled else b""
    out += _doubles(*options.costs, *options.nms, *options.ignore)
    if version >= 3:
        out += bytes([options.pyramid])
    if version >= 4:
        out += write_bool(options.regression) + _doubles(options.regression_weight)
    return out


def _write_loss(loss: Loss, have: Mapping[str, Any]) -> bytes:
    if isinstance(loss, LossMmod):
        return write_string("loss_mmod_") + _write_mmod_options(have["options"])
    if isinstance(loss, LossBarlowTwins):
        return write_string("loss_barlow_twins_") + write_float(have["lambda"])
    if not isinstance(loss, LossMetric):
        return write_string(loss.name)
    kind = have.get("kind", "loss_metric_2")
    if kind == "loss_metric_":
        return write_string(kind)
    numbers = have.get("margin", _MARGIN), have.get("threshold", _THRESHOLD)
    return write_string(kind) + b"".join(write_float(number) for number in numbers)


def _write_payload(layer: Layer, have: LayerParams, what: str, *, first: bool) -> bytes:
    """Write what stands behind a node's subnet; ``first``: the node sits on an input layer."""
    meta = have.meta
    expansion = write_int(meta.get("expansion", 1)) if first else b""
    if isinstance(layer, (Tag, Skip)):
        wanted_kind(have, (type(layer).__name__.lower(),), what)
        if not first:
            return b""
        stale = write_bool(meta.get("gradient_input_is_stale", True))
        return 2 * EMPTY_TENSOR + stale + expansion
    flags = b"".join(write_bool(meta.get(key, value)) for key, value in _FLAGS.items())
    # x_grad, cached_output, and grad_final or params_grad
    return write_layer(layer, have, what) + flags + 3 * EMPTY_TENSOR + expansion


def _version(layer: Layer, *, first: bool) -> int:
    return (1 if isinstance(layer, (Tag, Skip)) else 2) + first


def _length(layers: Sequence[Layer]) -> int:
    """Return how many layers these are with every repetition written out."""
    return sum(
        layer.count * _length(layer.layers) if isinstance(layer, Repeat) else 1 for layer in layers
    )


def _write_layers(
    arch: Arch, layers: Sequence[Layer], params: Sequence[LayerParams], number: int, source: bytes
) -> bytes:
    """Write layers that stand on an input layer, ``source``.

    number: dlib's, of the last of them, for errors.  Versions and repetitions come from the
    output to the input, everything else from the input to the output.
    """
    head: list[bytes] = []
    payloads: list[bytes] = []
    at = 0
    for index, layer in enumerate(layers):
        size = _length((layer,))
        mine = params[at : at + size]
        top = number + len(params) - at - size  # dlib's number of the last layer in it
        at += size
        if isinstance(layer, Repeat):
            if index == 0:
                raise ShapeError(f"{arch.name}: a repetition cannot stand on an input layer")
            each = _length(layer.layers)
            groups = [
                _write_layers(arch, layer.layers, mine[start : start + each],
                              top + size - start - each, b"")
                for start in reversed(range(0, size, each))
            ]  # fmt: skip
            head.append(write_int(1) + write_int(layer.count) + b"".join(groups))
            continue
        what = f"layer {top} of {arch.name}"
        first = index == 0
        head.append(write_int(_version(layer, first=first)))
        payloads.append(source if first else b"")
        payloads.append(_write_payload(layer, mine[0], what, first=first))
    return b"".join(reversed(head)) + b"".join(payloads)


def write_net(arch: Arch, params: ArchParams) -> bytes:
    """Return the bytes of a network, which dlib's ``deserialize`` reads.

    params: as :func:`phiz.formats.dlib_net.read_net` returns them, or made by hand; then ``meta``
        may leave out what dlib has a default for.

    Reading what this writes and writing it again gives the same bytes.  A file that dlib wrote
    after ``net.clean()`` with versions that are still the newest comes back byte for byte.
    Raises ShapeError where the parameters are not those of the architecture.
    """
    count = _length(arch.layers)
    if len(params.layers) != count:
        raise ShapeError(
            f"{arch.name}: wanted parameters of {count} layers, found {len(params.layers)}"
        )
    try:
        source = _write_input(arch.input, params.input)
        loss = b"" if arch.loss is None else write_int(1) + _write_loss(arch.loss, params.loss)
    except KeyError as missing:
        raise ShapeError(f"{arch.name}: wanted {missing} of its loss, found none") from missing
    first = 0 if arch.loss is None else 1
    return loss + _write_layers(arch, arch.layers, params.layers, first, source)


def write_match(match: Match) -> bytes:
    """Return the bytes of a whole weight file: networks and all that its layout has besides."""
    out: list[bytes] = []
    nets, pictures = iter(match.nets), iter(match.pictures)
    for part in match.layout.parts:
        if part is Extra.SHAPE:
            if match.forest is None:
                raise ShapeError(f"{match.layout.name}: wanted a shape predictor, found none")
            out.append(write_shape_predictor(match.forest))
        elif part is Extra.LABELS:
            out.append(write_int(len(match.labels)) + b"".join(map(write_string, match.labels)))
        elif part is Extra.RGBA:
            picture = next(pictures)
            rows, columns = picture.shape[:2]
            out.append(write_int(-rows) + write_int(-columns) + picture.tobytes())
        else:
            net = next(nets)
            out.append(write_net(net.arch, net.params))
    return b"".join(out)
