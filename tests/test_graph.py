"""Graphs: building, shapes, passes, and the same numbers from every backend."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.errors import ShapeError
from phiz.formats.dlib_net import search_architectures
from phiz.formats.onnx import encode_onnx
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Graph, apply, validate
from phiz.graph.layout_passes import flatten_pixels, pad_channels, split_kernels
from phiz.graph.ops import Op
from phiz.graph.passes import drop_tiny, fold_affine, fold_batch_norm
from phiz.graph.shapes import infer
from phiz.graph.text import dump
from tests import dlib_writer as write
from tests.test_format_fuzz import TINY


def tiny(norm: str = "affine_", seed: int = 0) -> Graph:
    data = write.network(TINY, seed=seed, norm=norm)
    return search_architectures(data, "tiny.dat", [lambda: TINY]).graph


def images(count: int = 3, side: int = 12) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), np.uint8)


def every_op() -> Graph:
    """A graph with every operation, odd sizes, uneven strides and pads, and a symbolic size."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    build = GraphBuilder("every-op")
    value = build.image("image", 19, 23)
    value = build.add(
        Op.TO_TENSOR, [value], attrs={"mean": (120.0, 110.0, 100.0), "scale": 1 / 256}
    )
    value = build.add(
        Op.CONV,
        [value],
        attrs={"strides": (1, 2), "pads": (1, 0, 2, 1), "groups": 1},
        params={"weight": some(6, 3, 3, 4), "bias": some(6)},
    )
    value = build.add(
        Op.CONV,
        [value],
        attrs={"strides": (1, 1), "pads": (1, 1, 1, 1), "groups": 3},
        params={"weight": some(6, 2, 3, 3)},
    )
    norm = {"gamma": some(6), "beta": some(6), "mean": some(6), "variance": np.abs(some(6)) + 0.1}
    value = build.add(Op.BATCH_NORM, [value], attrs={"eps": 1e-4}, params=norm)
    value = build.add(Op.AFFINE, [value], params={"gamma": some(6), "beta": some(6)})
    value = build.add(Op.RELU, [value])
    windows = {"kernel": (3, 2), "strides": (2, 1), "pads": (1, 1, 1, 0)}
    one = build.add(Op.MAX_POOL, [value], attrs=windows)
    other = build.add(Op.AVG_POOL, [value], attrs=windows)
    narrow = build.add(
        Op.CONV,
        [other],
        attrs={"strides": (2, 2), "pads": (0, 0, 0, 0), "groups": 1},
        params={"weight": some(4, 6, 1, 1)},
    )
    value = build.add_padded(one, narrow, name="sum")
    fc = build.add(
        Op.FC,
        [value],
        params={"weight": some(int(np.prod(build.shape(value))), 5) * 0.1, "bias": some(5)},
    )
    pooled = build.add(Op.GLOBAL_AVG_POOL, [value])
    value = build.add(Op.LEAKY_RELU, [value], attrs={"alpha": 0.3})
    value = build.add(
        Op.CONV_TRANSPOSE,
        [value],
        attrs={"strides": (2, 3), "pads": (1, 0, 2, 1), "groups": 1},
        params={"weight": some(6, 4, 3, 5) * 0.1, "bias": some(4)},
    )
    value = build.add(Op.SCALE, [value], attrs={"factor": 0.25})
    resized = build.add(Op.RESIZE, [value], attrs={"rows": 13, "columns": 7})
    woven = build.add(
        Op.INTERLEAVE,
        [one, other, other, one, other, one],
        attrs={"strides": (2, 3), "rows": 19, "columns": 32},
    )
    again = build.add(Op.RESIZE, [woven], attrs={"rows": 13, "columns": 7})
    joined = build.add(Op.CONCAT, [again, resized, again])
    rows = build.add(Op.RESHAPE, [joined], attrs={"channels": 4, "rows": 7, "columns": 52})
    rows = build.add(Op.LINEAR, [rows], params={"weight": some(52, 5) * 0.1, "bias": some(5)})
    angles = some(7, 2)
    tables = {"cos": np.cos(angles), "sin": np.sin(angles)}
    turned = build.add(Op.ROTATE, [rows], params=tables)
    seen = build.add(Op.MATMUL, [turned, build.add(Op.TRANSPOSE, [rows])])
    share = build.add(Op.SOFTMAX, [build.add(Op.CAUSAL_MASK, [seen])])
    norms = {"gamma": some(4), "beta": some(4)}
    value = build.add(Op.LAYER_NORM, [share], attrs={"eps": 1e-5}, params=norms)
    value = build.add(Op.RMS_NORM, [value], attrs={"eps": 1e-5}, params={"gamma": some(4)})
    value = build.add(Op.GELU, [build.add(Op.MATMUL, [value, rows])])
    clipped = build.add(Op.CLIP, [joined], attrs={"low": -0.5, "high": 0.25})
    bent = build.add(Op.PRELU, [again], params={"alpha": some(6)})
    cells = build.add(Op.CELLS, [clipped, bent], attrs={"size": 2})
    pixels = build.pixels("pixels", 3, 5, 7)
    flat = build.add(Op.FLATTEN_PIXELS, [pixels])
    planes = build.add(Op.TO_PLANES, [pixels])
    steps = np.array([0.01, 0.02, 0.005], np.float32)
    levels = build.add(Op.QUANTISE, [planes], attrs={"zero": 120}, params={"steps": steps})
    return build.finish([fc, pooled, value, build.add(Op.SIGMOID, [joined]), cells, flat, levels])


def test_gray_pictures_and_planes_are_inputs_too() -> None:
    build = GraphBuilder("inputs")
    gray, planes = build.gray("gray", 5, 7), build.planes("planes", 1, 5, 7)
    tensor = build.add(Op.TO_TENSOR, [gray], attrs={"mean": (0.0,), "scale": 1 / 256})
    graph = build.finish([build.add(Op.ADD, [tensor, planes], name="sum")])
    random = np.random.default_rng(3)
    feeds = {
        "gray": random.integers(0, 256, (2, 5, 7), np.uint8),
        "planes": random.standard_normal((2, 1, 5, 7)).astype(np.float32),
    }
    expected = feeds["gray"][:, None] / np.float32(256) + feeds["planes"]
    for session in (ReferenceSession(graph), compile_graph(graph, threads=1)):
        np.testing.assert_array_equal(session.run(feeds)["sum"], expected)


def test_every_op_agrees_with_the_reference() -> None:
    graph = every_op()
    assert {node.op for node in graph.nodes} == set(Op)
    names = [node.name for node in graph.nodes]
    random = np.random.default_rng(2)
    feeds = {
        "image": random.integers(0, 256, (2, 19, 23, 3), np.uint8),
        "pixels": random.standard_normal((2, 5, 7, 3)).astype(np.float32),
    }
    expected = ReferenceSession(graph, names).run(feeds)
    found = compile_graph(graph, threads=2, fold=False, outputs=names).run(feeds)
    for name in names:
        finite = expected[name][np.isfinite(expected[name])]
        scale = max(1.0, float(np.abs(finite).max()))
        np.testing.assert_allclose(found[name] / scale, expected[name] / scale, atol=2e-6)
        assert found[name].shape[1:] == infer(graph)[name]


@pytest.mark.parametrize("norm", ["affine_", "bn_con2"])
def test_folding_changes_nothing_but_rounding(norm: str) -> None:
    graph = tiny(norm)
    folded = apply(graph, fold_batch_norm, fold_affine)
    assert not any(node.op in (Op.AFFINE, Op.BATCH_NORM) for node in folded.nodes)
    feeds = {"image": images()}
    (before,) = ReferenceSession(graph).run(feeds).values()
    (after,) = ReferenceSession(folded).run(feeds).values()
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_tiny_parameters_become_zero_and_others_stay() -> None:
    graph = tiny()
    node = graph.node("con12")
    weight = node.params["weight"].copy()
    weight[0, 0, 0] = (1e-40, -0.9e-30, 1.1e-30)
    small = dataclasses.replace(node, params={**node.params, "weight": weight})
    nodes = tuple(small if each is node else each for each in graph.nodes)
    cleaned = apply(dataclasses.replace(graph, nodes=nodes), drop_tiny).node("con12")
    assert cleaned.params["weight"][0, 0, 0].tolist() == [0, 0, np.float32(1.1e-30)]
    np.testing.assert_array_equal(cleaned.params["weight"].ravel()[3:], weight.ravel()[3:])
    assert cleaned.params["bias"] is node.params["bias"]


def chain_of_odd_channels() -> Graph:
    """Convolutions to 45 channels, with and without a relu between, and a large kernel at last."""
    random = np.random.default_rng(5)
    build = GraphBuilder("odd")
    value = build.planes("planes", 3, 20, 17)
    for number, (count, side, pad) in enumerate(((45, 3, 1), (30, 3, 0), (45, 3, 1), (2, 9, 4))):
        channels = build.shape(value)[0]
        weight = random.standard_normal((count, channels, side, side)).astype(np.float32) / 20
        value = build.add(
            Op.CONV,
            [value],
            attrs={"strides": (1, 1), "pads": (pad, pad, pad, 0), "groups": 1},
            params={"weight": weight, "bias": random.standard_normal(count).astype(np.float32)},
            name=f"con{number}",
        )
        if number == 0:
            value = build.add(Op.RELU, [value])
    return build.finish([value])


def test_layout_passes_change_nothing_but_rounding() -> None:
    graph = chain_of_odd_channels()
    rewritten = apply(graph, pad_channels, split_kernels)
    shapes = [node.params["weight"].shape for node in rewritten.nodes if node.op is Op.CONV]
    assert shapes == [
        (48, 3, 3, 3), (32, 48, 3, 3), (48, 32, 3, 3), (18, 48, 9, 1), (2, 18, 1, 9),
    ]  # fmt: skip
    feeds = {"planes": np.random.default_rng(6).standard_normal((2, 3, 20, 17), np.float32)}
    (before,) = ReferenceSession(graph).run(feeds).values()
    (after,) = ReferenceSession(rewritten).run(feeds).values()
    np.testing.assert_allclose(after, before, atol=2e-6 * float(np.abs(before).max()))


def test_pixels_are_read_as_they_lie_in_memory() -> None:
    random = np.random.default_rng(7)
    build = GraphBuilder("pixels")
    planes = build.add(Op.TO_PLANES, [build.pixels("pixels", 3, None, None)], name="planes")
    conv = build.add(
        Op.CONV,
        [planes],
        attrs={"strides": (2, 3), "pads": (1, 0, 2, 1), "groups": 1},
        params={"weight": random.standard_normal((4, 3, 2, 5)).astype(np.float32)},
    )
    graph = build.finish([conv])
    rewritten = apply(graph, flatten_pixels)
    assert [node.op for node in rewritten.nodes] == [Op.FLATTEN_PIXELS, Op.CONV]
    assert rewritten.nodes[1].params["weight"].shape == (4, 1, 2, 15)
    feeds = {"pixels": random.standard_normal((2, 9, 14, 3)).astype(np.float32)}
    (want,) = ReferenceSession(graph).run(feeds).values()
    for session in (ReferenceSession(rewritten), compile_graph(graph, threads=1)):
        np.testing.assert_allclose(session.run(feeds)[conv], want, atol=1e-5)
    seen = dataclasses.replace(graph, outputs=("planes", conv))
    assert [node.op for node in flatten_pixels(seen).nodes] == [Op.TO_PLANES, Op.CONV]


def test_channels_that_others_see_are_not_padded() -> None:
    graph = chain_of_odd_channels()
    seen = dataclasses.replace(graph, outputs=("con3", "con2", "con1"))
    assert [node.params["weight"].shape[0] for node in pad_channels(seen).nodes if node.params] == [
        48, 30, 45, 2,
    ]  # fmt: skip


def test_a_convolution_that_others_read_is_not_folded() -> None:
    build = GraphBuilder("shared")
    image = build.image("image", 4, 4)
    tensor = build.add(Op.TO_TENSOR, [image], attrs={"mean": (0.0,) * 3, "scale": 1.0})
    conv = build.add(
        Op.CONV,
        [tensor],
        attrs={"strides": (1, 1), "pads": (0, 0, 0, 0), "groups": 1},
        params={"weight": np.ones((3, 3, 1, 1), np.float32)},
    )
    scaled = build.add(
        Op.AFFINE,
        [conv],
        params={"gamma": np.full(3, 2, np.float32), "beta": np.ones(3, np.float32)},
    )
    graph = build.finish([build.add(Op.ADD, [conv, scaled])])
    assert [n.op for n in apply(graph, fold_affine).nodes] == [n.op for n in graph.nodes]


def test_a_batch_gives_exactly_the_numbers_of_its_single_runs() -> None:
    session = compile_graph(tiny(), threads=2)
    chips = images(7)
    (together,) = session.run({"image": chips}).values()
    for index in range(len(chips)):
        (alone,) = session.run({"image": chips[index : index + 1]}).values()
        np.testing.assert_array_equal(together[index], alone[0])


def test_the_onnx_file_is_valid() -> None:
    model = onnx.load_from_string(encode_onnx(every_op()))
    onnx.checker.check_model(model, full_check=True)
    assert [item.domain for item in model.opset_import] == [""]
    assert model.producer_name == "phiz"
    weight = next(t for t in model.graph.initializer if t.name == "conv1.weight")
    node = every_op().node("conv1")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(weight), node.params["weight"])


def test_nodes_carry_dlibs_layer_numbers() -> None:
    graph = tiny()
    assert [node.name for node in graph.nodes][:3] == ["tensor", "con12", "affine11"]
    assert graph.outputs == ("fc1",)
    assert graph.node("con12").meta["learning_rate_multiplier"] == 1.0
    assert graph.parameters == sum(array.size for n in graph.nodes for array in n.params.values())


def test_smaller_branches_are_filled_up_with_zeros() -> None:
    graph = tiny()
    shapes = infer(graph)
    total = graph.node("addprev3")
    assert all(shapes[name] == shapes["addprev3"] for name in total.inputs)
    assert any(node.op is Op.PAD for node in graph.nodes)


def test_a_layer_that_does_not_fit_is_refused() -> None:
    build = GraphBuilder("wrong")
    image = build.image("image", 4, 4)
    weight = {"weight": np.zeros((2, 5, 1, 1), np.float32)}
    attrs = {"strides": (1, 1), "pads": (0, 0, 0, 0), "groups": 1}
    with pytest.raises(ShapeError, match="wanted input channels 5, found 3"):
        build.add(Op.CONV, [image], attrs=attrs, params=weight)
    small = {"kernel": (9, 9), "strides": (1, 1), "pads": (0, 0, 0, 0)}
    with pytest.raises(ShapeError, match="a window of 9 does not fit into 4"):
        build.add(Op.MAX_POOL, [image], attrs=small)


@pytest.mark.parametrize(
    ("op", "attrs", "params", "message"),
    [
        (Op.LINEAR, {}, {"weight": (5, 2)}, "wanted columns 5, found 4"),
        (Op.LINEAR, {}, {"weight": (4, 2), "bias": (3,)}, r"wanted bias \(2,\), found \(3,\)"),
        (Op.MATMUL, {}, {}, r"channels and rows of the second \(3, 4\), found \(3, 5\)"),
        (Op.RESHAPE, {"channels": 2, "rows": 5, "columns": 4}, {}, "wanted numbers 40, found 60"),
        (Op.ROTATE, {}, {"cos": (5, 2), "sin": (5, 1)}, r"wanted sin \(5, 2\), found \(5, 1\)"),
        (Op.RMS_NORM, {"eps": 1e-5}, {"gamma": (1,)}, r"wanted gamma \(3,\), found \(1,\)"),
    ],
)
def test_what_a_transformer_is_made_of_must_fit(
    op: Op, attrs: dict[str, float], params: dict[str, tuple[int, ...]], message: str
) -> None:
    build = GraphBuilder("wrong")
    planes = build.planes("planes", 3, 5, 4)
    arrays = {key: np.zeros(shape, np.float32) for key, shape in params.items()}
    inputs = [planes] * (2 if op is Op.MATMUL else 1)
    with pytest.raises(ShapeError, match=message):
        build.add(op, inputs, attrs=attrs, params=arrays)


def test_samples_are_normalised_as_dlib_adds_up() -> None:
    """In float32, one number after the other: of many positive numbers that is not their sum."""
    values = np.random.default_rng(0).uniform(0.4, 0.6, (2, 1, 200, 200)).astype(np.float32)
    build = GraphBuilder("norm")
    ones = {"gamma": np.ones(1, np.float32), "beta": np.zeros(1, np.float32)}
    planes = build.planes("planes", 1, 200, 200)
    graph = build.finish(
        [
            build.add(Op.LAYER_NORM, [planes], attrs={"eps": 1e-5}, params=ones, name="layer"),
            build.add(
                Op.RMS_NORM, [planes], attrs={"eps": 1e-5}, params={"gamma": ones["gamma"]},
                name="rms",
            ),
        ]
    )  # fmt: skip
    for sample in values:
        total = square = np.float32(0)
        for value in sample.flat:
            total += value
            square += value * value
        mean, power = total / np.float32(sample.size), square / np.float32(sample.size)
        layer = (sample - mean) / np.sqrt(np.float64(power - mean * mean) + 1e-5)
        rms = sample / np.sqrt(np.float64(power) + 1e-5)
        for session in (ReferenceSession(graph), compile_graph(graph, threads=1)):
            found = session.run({"planes": sample[None]})
            np.testing.assert_allclose(found["layer"][0], layer, atol=2e-6)
            np.testing.assert_allclose(found["rms"][0], rms, atol=1e-6)


def test_a_broken_graph_names_its_culprit() -> None:
    graph = tiny()
    broken = Graph(graph.name, graph.inputs, graph.nodes[1:], graph.outputs)
    with pytest.raises(ShapeError, match="after surgery: con12 takes 'tensor'"):
        validate(broken, after="surgery")
    with pytest.raises(ShapeError, match="no value named 'nowhere'"):
        validate(Graph(graph.name, graph.inputs, graph.nodes, ("nowhere",)))


def test_symbolic_sizes_flow_through_windows_and_stop_at_layers_that_need_them() -> None:
    build = GraphBuilder("any-size")
    image = build.image("image", None, None)
    tensor = build.add(Op.TO_TENSOR, [image], attrs={"mean": (0.0,) * 3, "scale": 1.0})
    windows = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0)}
    pooled = build.add(Op.AVG_POOL, [tensor], attrs=windows)
    assert build.shape(pooled) == (3, None, None)
    with pytest.raises(ShapeError, match="known size"):
        build.add(Op.FC, [pooled], params={"weight": np.zeros((3, 1), np.float32)})
    session = compile_graph(build.finish([pooled]), threads=1)
    for side in (4, 6, 10):
        (value,) = session.run({"image": images(1, side)}).values()
        assert value.shape == (1, 3, side // 2, side // 2)


def test_the_text_dump_has_a_line_per_node() -> None:
    lines = dump(tiny()).splitlines()
    assert len(lines) == len(tiny().nodes) + 1
    assert lines[0].split() == ["name", "op", "inputs", "output", "parameters"]
    assert lines[2].split() == ["con12", "conv", "tensor", "4", "x", "5", "x", "5", "112"]
