"""Writing dlib's files: the same bytes as dlib's, and files that dlib itself reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.backends.reference import ReferenceSession
from phiz.errors import ShapeError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector, read_upsampling
from phiz.formats.dlib_fhog_write import write_fhog_detector
from phiz.formats.dlib_net import read_net, search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.formats.dlib_shape_write import write_shape_predictor
from phiz.formats.dlib_stream import read_float, read_int
from phiz.formats.dlib_write import write_match, write_net
from phiz.formats.dlib_write_stream import (
    DOUBLE,
    FLOAT,
    float_slots,
    int_slots,
    join_slots,
    write_float,
    write_int,
)
from phiz.graph.arch import Arch, ArchParams, Extra, LayerParams, Layout
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Fc,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    InputRgb,
    LeakyRelu,
    LossMetric,
    LossMmod,
    LossPlain,
    MaxPool,
    Multiply,
    Relu,
    Repeat,
    ResizeTo,
    Sig,
    Skip,
    Tag,
    chain,
)
from phiz.nets import ARCHITECTURES
from phiz.values import MmodOptions, MmodWindow
from tests import dlib_writer as simple
from tests.test_networks_fuzz import FILES, TRANSFORMER

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_come_back(value: int) -> None:
    assert read_int(Cursor(write_int(value), "test")) == value
    if abs(value) < 2**40:
        assert join_slots(int_slots(np.array([value]))) == write_int(value)


@given(FLOATS)
def test_doubles_come_back(value: float) -> None:
    encoded = write_float(value, DOUBLE)
    assert read_float(Cursor(encoded, "test")) == value
    assert join_slots(float_slots(np.array([value]), DOUBLE)) == encoded


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_come_back(value: float) -> None:
    encoded = write_float(value, FLOAT)
    assert read_float(Cursor(encoded, "test")) == value
    assert join_slots(float_slots(np.array([value], np.float32))) == encoded


def test_numbers_have_the_bytes_of_the_cpp_library() -> None:
    assert write_float(0.0) == bytes.fromhex("01000128")
    assert write_float(0.0, DOUBLE) == bytes.fromhex("0100010b")
    assert write_float(1.0) == bytes.fromhex("01808107")
    assert write_float(1.0, DOUBLE) == bytes.fromhex("01108104")
    assert write_float(0.6) == write_float(float(np.float32(0.6)))  # rounded, not cut off
    assert write_int(-3) == bytes.fromhex("8103")
    assert write_int(300) == bytes.fromhex("022c01")


def test_numbers_that_no_file_can_hold_are_refused() -> None:
    with pytest.raises(ShapeError, match="finite"):
        write_float(float("nan"))
    with pytest.raises(ShapeError, match="finite"):
        float_slots(np.array([np.inf], np.float32))
    with pytest.raises(ShapeError, match="at most 5 bytes"):
        int_slots(np.array([1 << 40]))


@pytest.mark.parametrize("norm", ["affine_", "bn_con2"])
def test_a_network_of_another_writer_comes_back_byte_for_byte(norm: str) -> None:
    arch = ARCHITECTURES["dlib-face-resnet"]()
    assert isinstance(arch, Arch)
    data = simple.network(arch, norm=norm)
    assert write_net(arch, read_net(Cursor(data, "test"), arch)) == data


def test_a_shape_predictor_of_another_writer_comes_back_byte_for_byte() -> None:
    data = simple.shape_predictor(points=68, depth=3)
    assert write_shape_predictor(read_shape_predictor(Cursor(data, "test"))) == data


@pytest.mark.parametrize("upsampling", [None, 1])
def test_a_detector_of_another_writer_comes_back_byte_for_byte(upsampling: int | None) -> None:
    data = simple.fhog_detector()
    cursor = Cursor(data, "test")
    written = write_fhog_detector(read_fhog_detector(cursor), upsampling=upsampling)
    assert written[: len(data)] == data
    cursor = Cursor(written, "test", len(data))
    assert (read_upsampling(cursor) if upsampling else None) == upsampling
    assert cursor.left == 0


def test_filters_of_another_window_are_refused() -> None:
    value = read_fhog_detector(Cursor(simple.fhog_detector(window=32), "test"))
    with pytest.raises(ShapeError, match="window of 48 x 32"):
        write_fhog_detector(replace(value, window=(48, 32)))


def layer(kind: str, meta: dict[str, Any] | None = None, **arrays: np.ndarray) -> LayerParams:
    return LayerParams(kind, {k: v.astype(np.float32) for k, v in arrays.items()}, meta or {})


def convolution(random: np.random.Generator, kind: str, *shape: int, bias: int) -> LayerParams:
    arrays = {"weight": random.normal(0, 0.3, shape)}
    if bias:
        arrays["bias"] = random.normal(0, 0.3, bias)
    return layer(kind, **arrays)


PLAIN = layer("tag")


def every_layer() -> tuple[Arch, ArchParams]:
    """One network with every kind of layer, and parameters that leave all defaults unsaid."""
    random = np.random.default_rng(5)
    block = (Tag(1), Con(4, 3), Affine(), AddPrev(1), Relu())
    arch = Arch(
        "every-layer",
        InputMatrix(9, 9, "rgb"),
        chain(
            Tag(9), Con(4, 3), LeakyRelu(), Repeat(3, block), Tag(2), MaxPool(3, 2, 1),
            Tag(3), Con(2, 1), Affine(), Tag(4), Skip(3), Sig(), Tag(5), Concat((4, 5)),
            ResizeTo(2), Multiply(), Cont(3, 2, 2, 0), Multiply(), AvgPool(), Fc(5),
            Fc(2, bias=False),
        ),
        LossPlain("loss_multiclass_log_"),
    )  # fmt: skip
    ones = np.ones(4)
    group = [
        PLAIN,
        convolution(random, "con_6", 4, 4, 3, 3, bias=4),
        layer("affine_2", gamma=ones, beta=random.normal(size=4)),
        layer("add_prev_"),
        layer("relu_2"),
    ]
    batch_norm = layer(
        "bn_con2", gamma=np.ones(2), beta=np.zeros(2), mean=np.zeros(2), variance=np.full(2, 2.0)
    )
    layers = [
        PLAIN, convolution(random, "con_5", 4, 3, 3, 3, bias=0), layer("leaky_relu_"),
        *3 * group, PLAIN, layer("max_pool_2"), PLAIN,
        convolution(random, "con_4", 2, 4, 1, 1, bias=2), batch_norm, PLAIN, layer("skip"),
        layer("sig_"), PLAIN, layer("concat_"), layer("resize_prev_to_tagged_"),
        layer("dropout_", {"drop_rate": 0.25, "value": 0.75}),
        convolution(random, "cont_2", 6, 3, 2, 2, bias=3), layer("multiply_", {"value": 0.5}),
        layer("avg_pool_2"),
        layer("fc_2", weight=random.normal(size=(3, 5)), bias=np.arange(5)),
        layer("fc_3", weight=random.normal(size=(5, 2))),
    ]  # fmt: skip
    loss = {"kind": "loss_multiclass_log_"}
    return arch, ArchParams({"kind": "input<matrix>"}, tuple(layers), loss)


def test_every_kind_of_layer_comes_back() -> None:
    arch, params = every_layer()
    data = write_net(arch, params)
    cursor = Cursor(data, "test")
    back = read_net(cursor, arch)
    cursor.end("the network")
    assert write_net(arch, back) == data
    for have, found in zip(params.layers, back.layers, strict=True):
        assert found.kind == have.kind
        assert set(found.arrays) == set(have.arrays)
        for key, array in have.arrays.items():
            np.testing.assert_array_equal(found.arrays[key], array)
    image = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    back_graph = arch.lower(back)
    filled = [
        replace(have, meta={**found.meta, **have.meta})
        for have, found in zip(params.layers, back.layers, strict=True)
    ]
    graph = arch.lower(replace(params, layers=tuple(filled)))
    answers = [ReferenceSession(g).run({"image": image})[g.outputs[0]] for g in (graph, back_graph)]
    np.testing.assert_array_equal(answers[0], answers[1])


def test_layers_of_a_transformer_come_back_and_have_defaults() -> None:
    data = FILES["transformer"].data
    params = read_net(Cursor(data, "test"), TRANSFORMER)
    assert write_net(TRANSFORMER, params) == data
    bare = tuple(
        replace(have, meta={key: have.meta[key] for key in ("drop_rate",) if key in have.meta})
        for have in params.layers
    )
    again = read_net(
        Cursor(write_net(TRANSFORMER, replace(params, layers=bare)), "test"), TRANSFORMER
    )
    image = np.random.default_rng(0).integers(0, 256, (1, 15, 20, 3), dtype=np.uint8)
    answers = [
        ReferenceSession(TRANSFORMER.lower(each)).run({"image": image})["fc1"]
        for each in (params, again)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    turned = [have for have in again.layers if "cos" in have.arrays]
    for have in turned:  # the angles themselves are read by nothing, but are the same ones
        np.testing.assert_allclose(np.cos(have.meta["angles"]), have.arrays["cos"], atol=1e-6)
    assert len(turned) == 4
    short = replace(params.layers[2], arrays={"weight": params.layers[2].arrays["weight"]})
    layers = (*params.layers[:2], short, *params.layers[3:])
    with pytest.raises(ShapeError, match="wanted an array bias"):
        write_net(TRANSFORMER, replace(params, layers=layers))


def test_parameters_of_another_architecture_are_refused() -> None:
    arch, params = every_layer()

    def changed(index: int, have: LayerParams) -> ArchParams:
        layers = list(params.layers)
        layers[index] = have
        return replace(params, layers=tuple(layers))

    with pytest.raises(ShapeError, match="wanted parameters of 35 layers, found 34"):
        write_net(arch, replace(params, layers=params.layers[:-1]))
    with pytest.raises(ShapeError, match=r"layer 34 of every-layer.*wanted the kind con_4 or"):
        write_net(arch, changed(1, layer("fc_2")))
    with pytest.raises(ShapeError, match=r"weight of layer 34 of every-layer: wanted shape \(4, "):
        write_net(arch, changed(1, layer("con_4", weight=np.ones((5, 3, 3, 3)))))
    with pytest.raises(ShapeError, match="layer 34 of every-layer: wanted an array weight"):
        write_net(arch, changed(1, layer("con_4")))
    dropout = next(i for i, have in enumerate(params.layers) if have.kind == "dropout_")
    with pytest.raises(ShapeError, match="drop_rate"):
        write_net(arch, changed(dropout, layer("dropout_")))
    with pytest.raises(ShapeError, match="wanted 'options' of its loss"):
        write_net(replace(arch, loss=LossMmod()), params)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (InputRgb(4), "input_rgb_image"),
        (InputRgb(4, sized=True), "input_rgb_image_sized"),
        (InputPyramid(), "input_rgb_image_pyramid2"),
        (InputMatrix(4, 4, "rgb"), "input<matrix>"),
        (InputPlanes(3), "input<array<matrix>>"),
    ],
)
def test_inputs_and_losses_that_say_nothing_get_defaults(source: Any, kind: str) -> None:
    arch = Arch("defaults", source, (Con(2, 1),), LossMetric())
    have = layer("con_5", weight=np.ones((2, 3, 1, 1)))
    back = read_net(Cursor(write_net(arch, ArchParams({}, (have,), {})), "test"), arch)
    assert back.input["kind"] == kind
    assert back.input.get("mean", (0,))[0] in (0, float(np.float32(122.782)))
    assert back.loss["threshold"] == float(np.float32(0.6))
    assert back.layers[0].meta["use_bias"] is False


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize("label", ["", "front"])
def test_every_version_of_detector_options_comes_back(version: int, label: str) -> None:
    options = MmodOptions(
        version=version,
        windows=(MmodWindow(80, 70, "" if version == 1 else label),) * min(version, 2),
        costs=(1.0, 2.0, 0.5),
        nms=(0.4, 1.0),
        ignore=(0.5, 0.95),
        pyramid=version != 3,
        regression=version == 4,
        regression_weight=7.0 if version == 4 else 100.0,
    )
    arch = Arch("options", InputPyramid(), (Con(1, 3),), LossMmod())
    source = {
        "kind": "input_rgb_image_pyramid2", "mean": (1.0, 2.0, 3.0), "padding": 10,
        "outer_padding": 11,
    }  # fmt: skip
    params = ArchParams(
        source,
        (layer("con_4", weight=np.ones((1, 3, 3, 3)), bias=np.zeros(1)),),
        {"kind": "loss_mmod_", "options": options},
    )
    data = write_net(arch, params)
    back = read_net(Cursor(data, "test"), arch)
    assert back.loss["options"] == options
    assert back.input == source
    assert write_net(arch, back) == data


@pytest.mark.parametrize(
    ("arch", "source", "loss"),
    [
        (InputPlanes(3), {"kind": "input<array<matrix>>"}, {"kind": "loss_metric_"}),
        (
            InputRgb(4, sized=True),
            {"kind": "input_rgb_image_sized", "mean": (0.5, 1.0, 2.0), "sides": (4, 4)},
            {"kind": "loss_metric_2", "margin": 0.25, "threshold": 0.5},
        ),
    ],
)
def test_inputs_and_losses_come_back(arch: Any, source: Any, loss: Any) -> None:
    made = Arch("ends", arch, (Con(2, 1),), LossMetric())
    have = layer("con_5", {"use_bias": False}, weight=np.ones((2, 3, 1, 1)))
    data = write_net(made, ArchParams(source, (have,), loss))
    back = read_net(Cursor(data, "test"), made)
    assert back.input == source
    assert back.loss["kind"] == loss["kind"]
    assert back.layers[0].meta["use_bias"] is False
    assert write_net(made, back) == data


def test_a_file_of_many_parts_comes_back() -> None:
    arch, params = every_layer()
    labels = ["front", "Rückseite"]
    picture = np.random.default_rng(1).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    data = write_net(arch, params) + simple.shape_predictor() + simple.integer(2)
    data += b"".join(write_int(len(text.encode())) + text.encode() for text in labels)
    data += simple.integer(-3) + simple.integer(-5) + picture.tobytes()
    layout = Layout("parts", (lambda: arch, Extra.SHAPE, Extra.LABELS, Extra.RGBA))
    match = search_architectures(data, "test", [lambda: layout])
    assert match.labels == tuple(labels)
    assert write_match(match) == data
    with pytest.raises(ShapeError, match="a shape predictor"):
        write_match(replace(match, forest=None))
