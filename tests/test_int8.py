"""Networks in int8: the arithmetic, number by number, and how batches run."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.backends.ort import compile_graph, compile_int8
from phiz.backends.reference import ReferenceSession
from phiz.backends.split import SplitSession
from phiz.errors import ShapeError
from phiz.formats.onnx_int8 import encode_int8
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Graph
from phiz.graph.int8_passes import (
    FULL,
    REDUCED,
    pools_to_convolutions,
    prepare,
    quantise,
    rounded_values,
)
from phiz.graph.ops import Op
from phiz.runtime import Runtime

MEAN = (122.782, 117.001, 104.298)


class Net(GraphBuilder):
    """A builder of the layers that descriptors have, with random weights."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__("small")
        self.random = np.random.default_rng(seed)

    def tensor(self, rows: int, columns: int) -> str:
        image = self.image("image", rows, columns)
        return self.add(Op.TO_TENSOR, [image], attrs={"mean": MEAN, "scale": 1 / 256})

    def conv(self, x: str, count: int, side: int = 3, stride: int = 1, pad: int = 1) -> str:
        channels = self.shape(x)[0]
        weight = self.random.standard_normal((count, channels, side, side))
        params = {
            "weight": (weight / np.sqrt(channels * side * side)).astype(np.float32),
            "bias": (0.1 * self.random.standard_normal(count)).astype(np.float32),
        }
        attrs = {"strides": (stride, stride), "pads": (pad,) * 4, "groups": 1}
        return self.add(Op.CONV, [x], attrs=attrs, params=params)

    def relu(self, x: str) -> str:
        return self.add(Op.RELU, [x])

    def pool(self, op: Op, x: str, side: int, pad: int = 0) -> str:
        attrs = {"kernel": (side, side), "strides": (2, 2), "pads": (pad,) * 4}
        return self.add(op, [x], attrs=attrs)

    def describe(self, x: str, count: int = 8) -> Graph:
        pooled = self.add(Op.GLOBAL_AVG_POOL, [x])
        weight = self.random.standard_normal((self.shape(pooled)[0], count)).astype(np.float32)
        return self.finish([self.add(Op.FC, [pooled], params={"weight": weight})])


def residual(rows: int = 31, columns: int = 34, pad: int = 0) -> Graph:
    """A stem, a residual block, one at half the size, and one that leaves a single pixel."""
    net = Net()
    x = net.relu(net.conv(net.tensor(rows, columns), 16, 7, 2, pad))
    x = net.pool(Op.MAX_POOL, x, 3)
    x = net.relu(net.add(Op.ADD, [net.conv(net.relu(net.conv(x, 16)), 16), x]))
    value = net.conv(net.relu(net.conv(x, 32, stride=2, pad=0)), 32)
    x = net.relu(net.add_padded(value, net.pool(Op.AVG_POOL, x, 2), name="half"))
    value = net.conv(net.relu(net.conv(x, 32, *net.shape(x)[1:2], pad=0)), 32, 1, pad=0)
    return net.describe(net.relu(net.add_padded(value, x, name="last")))


def dense() -> Graph:
    """Pixels that are float32, normalisation between concatenations, and averages."""
    net = Net(1)
    x = net.add(Op.TO_PLANES, [net.pixels("pixels", 3, 33, 31)])
    x = net.pool(Op.MAX_POOL, net.relu(net.conv(x, 16, 7, 2, 3)), 3, 1)
    for _ in range(2):
        channels = net.shape(x)[0]
        gamma, beta = (net.random.standard_normal(channels).astype(np.float32) for _ in "gb")
        value = net.add(Op.AFFINE, [x], params={"gamma": gamma, "beta": beta})
        value = net.conv(net.relu(net.conv(net.relu(value), 16, 1, pad=0)), 12)
        x = net.add(Op.CONCAT, [x, value])
    return net.describe(net.relu(net.pool(Op.AVG_POOL, net.conv(x, 20, 1, pad=0), 2)))


NETS: dict[str, Callable[[], Graph]] = {
    "residual": residual,
    "odd sides": lambda: residual(29, 33),
    "padded stem": lambda: residual(pad=3),
    "dense": dense,
}


def feeds(graph: Graph, count: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    (source,) = graph.inputs
    images = random.integers(0, 256, (count, *source.shape), np.uint8)  # type: ignore[arg-type]
    if source.kind == "rgb":
        return {source.name: images}
    return {source.name: ((images - np.array(MEAN)) / 256).astype(np.float32)}


def limits_of(graph: Graph, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the largest magnitudes of the values that int8 rounds."""
    prepared = prepare(graph)
    values = ReferenceSession(prepared, list(rounded_values(prepared))).run(given)
    return {name: np.abs(value).max(axis=(0, 2, 3)) for name, value in values.items()}


def lows_of(graph: Graph, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the least numbers of the values that no convolution takes."""
    prepared = prepare(graph)
    free = [name for name, place in rounded_values(prepared).items() if place.free]
    values = ReferenceSession(prepared, free).run(given)
    return {name: value.min(axis=(0, 2, 3)) for name, value in values.items()}


@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("top", [FULL, REDUCED])
@pytest.mark.parametrize("name", NETS)
def test_onnx_runtime_computes_what_numpy_does(name: str, top: int, lowered: bool) -> None:
    graph = NETS[name]()
    given = feeds(graph)
    limits, lows = limits_of(graph, given), lows_of(graph, given) if lowered else {}
    rounded = quantise(prepare(graph), limits, lows, top=top)
    (expected,) = ReferenceSession(rounded).run(given).values()
    (found,) = compile_int8(graph, limits, lows, full=top == FULL).run(given).values()
    (real,) = ReferenceSession(graph).run(given).values()
    assert found.shape == real.shape
    loss = float(np.abs(expected - real).max())
    assert 1e-4 < loss < (0.08 if top == FULL else 0.16)
    # A sum half way between two levels may go either way, and others then follow.
    np.testing.assert_allclose(found, expected, atol=loss / 2)


def integers(graph: Graph, limits: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Compute a convolution of pixels and the one behind it in whole numbers, by plain loops."""
    first, second = (node for node in graph.nodes if node.op is Op.CONV)
    bytes_in, steps, zero = image.astype(np.int64), np.full(3, 1 / 256), np.array(MEAN)
    for node, name in ((first, "relu2"), (second, second.name)):
        weight = node.params["weight"].astype(np.float64) * steps[:, None, None]
        unit = np.abs(weight).max(axis=(1, 2, 3)) / 127
        levels = np.rint(weight / unit[:, None, None, None])
        pads = node.ints("pads")
        wide = np.pad(bytes_in - zero, ((pads[0],) * 2, (pads[1],) * 2, (0, 0)))
        stride, side = node.ints("strides")[0], weight.shape[2]
        rows, columns = ((length - side) // stride + 1 for length in wide.shape[:2])
        sums = np.zeros((rows, columns, len(unit)))
        for row in range(rows):
            for column in range(columns):
                y, x = row * stride, column * stride
                window = wide[y : y + side, x : x + side].transpose(2, 0, 1)
                sums[row, column] = (levels * window).sum(axis=(1, 2, 3))
        real = (sums + np.rint(node.params["bias"] / unit)) * unit
        most = limits[name].astype(np.float64)
        signed = name == second.name
        share = most / most.max()
        reach = most.max() * (share if signed else np.sqrt(share))
        steps = reach / (127 if signed else 255)
        offset = 128 if signed else 0
        bytes_in = np.clip(np.rint(real / steps) + offset, 0, 255).astype(np.int64)
        zero = np.full(len(steps), offset)
    return (bytes_in - zero) * steps


def test_two_convolutions_in_whole_numbers() -> None:
    net = Net(2)
    x = net.conv(net.relu(net.conv(net.tensor(20, 22), 16, 5, 2, 0)), 16)
    graph = net.finish([x])
    given = feeds(graph, 1)
    limits = limits_of(graph, given)
    (found,) = compile_int8(graph, limits, {}, full=True).run(given).values()
    expected = integers(graph, limits, given["image"][0])
    step = limits[x] / 127
    levels = (found[0].transpose(1, 2, 0) - expected) / step
    assert np.abs(levels).max() < 1.01  # a level at most, where a sum lies half way
    assert (np.abs(levels) > 0.01).mean() < 0.01


@pytest.mark.parametrize("name", NETS)
def test_a_batch_equals_its_single_runs(name: str) -> None:
    graph = NETS[name]()
    given = feeds(graph, 5)
    session = compile_int8(graph, limits_of(graph, given), lows_of(graph, given))
    key, values = next(iter(given.items()))
    (whole,) = session.run(given).values()
    for threads in (1, 2, 3, 8):
        (split,) = SplitSession(session, Runtime(threads)).run(given).values()
        np.testing.assert_array_equal(split, whole)
    for row in range(5):
        (single,) = session.run({key: values[row : row + 1]}).values()
        np.testing.assert_array_equal(single[0], whole[row])
    (none,) = SplitSession(session, Runtime(2)).run({key: values[:0]}).values()
    assert none.shape == (0, *whole.shape[1:])


def test_parts_of_a_batch_run_side_by_side_and_come_back_in_order() -> None:
    meeting = threading.Barrier(3, timeout=20)

    class Waiting:
        def run(self, feeds: Any) -> dict[str, np.ndarray]:
            meeting.wait()
            return {"double": 2 * feeds["x"]}

    x = np.arange(8, dtype=np.float32)[:, None]
    found = SplitSession(Waiting(), Runtime(3)).run({"x": x})
    np.testing.assert_array_equal(found["double"], 2 * x)


@given(
    st.integers(1, 4), st.integers(2, 3), st.integers(0, 5), st.integers(5, 9), st.integers(0, 9)
)
def test_averages_as_convolutions(
    channels: int, side: int, more: int, size: int, seed: int
) -> None:
    net = Net(seed)
    planes = net.planes("planes", channels, size, size + 1)
    pooled = net.pool(Op.AVG_POOL, planes, side)
    shape = (channels + more, *net.shape(pooled)[1:])
    graph = net.finish([net.grow(pooled, shape, name="grown")])
    x = net.random.standard_normal((2, channels, size, size + 1)).astype(np.float32)
    changed = pools_to_convolutions(graph)
    assert [node.op for node in changed.nodes] == [Op.CONV]
    (before,), (after,) = (
        ReferenceSession(each).run({"planes": x}).values() for each in (graph, changed)
    )
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_what_is_rounded_and_what_is_not() -> None:
    graph = prepare(residual())
    places = rounded_values(graph)
    by_op = {name: graph.node(name).op for name in places}
    sums = [node.name for node in graph.nodes if node.op is Op.ADD]
    assert not set(sums) & set(places)  # shortcuts stay float32, and what is rectified of them
    convolutions = [node for node in graph.nodes if node.op is Op.CONV]
    changed = quantise(graph, limits_of(residual(), feeds(graph)))
    eight = [node.name for node in changed.nodes if "unit" in node.params]
    # The last two give a single pixel.
    assert eight == [node.name for node in convolutions][:-2]
    for name, place in places.items():
        assert place.signed == (by_op[name] is Op.CONV and name != "half.right")
    weights = [changed.node(name).params for name in eight]
    assert all(np.isfinite(each["weight"]).all() and (each["unit"] > 0).all() for each in weights)


def test_channels_that_are_always_zero_do_no_harm() -> None:
    graph = residual()
    given = feeds(graph)
    limits = {name: np.zeros_like(limit) for name, limit in limits_of(graph, given).items()}
    (found,) = compile_int8(graph, limits, {}).run(given).values()
    assert np.isfinite(found).all()
    some = limits_of(graph, given)
    for limit in some.values():
        limit[::5] = 0
    (found,) = compile_int8(graph, some, {}).run(given).values()
    assert np.isfinite(found).all()


def test_limits_have_to_be_those_of_the_graph() -> None:
    graph = prepare(residual())
    limits = limits_of(residual(), feeds(graph))
    name = next(iter(limits))
    with pytest.raises(ShapeError, match=f"16 channels of {name}, found none"):
        quantise(graph, {key: value for key, value in limits.items() if key != name})
    with pytest.raises(ShapeError, match=r"found \(15,\)"):
        quantise(graph, {**limits, name: limits[name][1:]})
    with pytest.raises(ShapeError, match=f"{name} cannot begin anywhere but at zero"):
        quantise(graph, limits, {name: limits[name]})
    (free, low), *_ = lows_of(residual(), feeds(graph)).items()
    with pytest.raises(ShapeError, match=f"a low for each of the {len(low)} channels of {free}"):
        quantise(graph, limits, {free: low[1:]})


def test_operations_that_descriptors_do_not_have_are_refused() -> None:
    net = Net()
    graph = net.finish([net.add(Op.SIGMOID, [net.tensor(9, 9)])])
    with pytest.raises(ShapeError, match="sigmoid cannot be done in int8"):
        encode_int8(graph)
    net = Net()
    symbolic = net.add(
        Op.TO_TENSOR, [net.image("image", None, 9)], attrs={"mean": MEAN, "scale": 1.0}
    )
    graph = net.finish([net.conv(symbolic, 16, 3, 2, 0)])
    limits = {name: np.ones(16, np.float32) for name in rounded_values(graph)}
    with pytest.raises(ShapeError, match="sizes are known"):
        encode_int8(quantise(graph, limits))


def test_rounded_graphs_run_in_float32_too() -> None:
    graph = residual()
    given = feeds(graph)
    limits = limits_of(graph, given)
    rounded = quantise(prepare(graph), limits, lows_of(graph, given))
    bare = dataclasses.replace(rounded, name="bare")
    (expected,) = ReferenceSession(rounded).run(given).values()
    (found,) = compile_graph(bare, threads=1, fold=False).run(given).values()
    np.testing.assert_allclose(found, expected, atol=0.02)
