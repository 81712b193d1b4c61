"""Transposed convolutions rewritten as plain ones: the same numbers, in whatever form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Graph, apply
from phiz.graph.ops import Op
from phiz.graph.passes import drop_unread, fold_affine
from phiz.graph.transposed_passes import flip_transposed, split_transposed

CHANNELS = 16  # from here on strided ones are split


def upscaler(
    rows: int,
    columns: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    *,
    inner: bool = False,
) -> Graph:
    """A transposed convolution, a scale, a relu and a 1 x 1 convolution to three channels."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, np.float32) / 8

    build = GraphBuilder("upscaler")
    planes = build.planes("planes", 5, rows, columns)
    grown = build.add(
        Op.CONV_TRANSPOSE,
        [planes],
        attrs={"strides": strides, "pads": pads, "groups": 1},
        params={"weight": some(5, CHANNELS, *kernel), "bias": some(CHANNELS)},
        name="grown",
    )
    scale = {"gamma": some(CHANNELS), "beta": some(CHANNELS)}
    value = build.add(Op.AFFINE, [grown], params=scale)
    value = build.add(Op.RELU, [value], name="relu")
    last = build.add(
        Op.CONV,
        [value],
        attrs={"strides": (1, 1), "pads": (0, 0, 0, 0), "groups": 1},
        params={"weight": some(3, CHANNELS, 1, 1), "bias": some(3)},
        name="last",
    )
    return build.finish([last, "relu"] if inner else [last])


def rewritten(graph: Graph) -> Graph:
    return apply(graph, fold_affine, flip_transposed, split_transposed)


sides = st.integers(1, 7)
small = st.integers(1, 4)
padding = st.integers(0, 3)


@settings(max_examples=150)
@given(
    st.integers(1, 14),
    st.integers(1, 14),
    st.tuples(sides, sides),
    st.tuples(small, small),
    st.tuples(padding, padding, padding, padding),
)
def test_the_outputs_stay(
    rows: int,
    columns: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
) -> None:
    assume(strides[0] * (rows - 1) + kernel[0] > pads[0] + pads[2])
    assume(strides[1] * (columns - 1) + kernel[1] > pads[1] + pads[3])
    graph = upscaler(rows, columns, kernel, strides, pads)
    feeds = {"planes": np.random.default_rng(1).standard_normal((2, 5, rows, columns), np.float32)}
    want = ReferenceSession(graph).run(feeds)["last"]
    found = ReferenceSession(rewritten(graph)).run(feeds)["last"]
    # Only the order of sums differs: a few roundings of float32.
    np.testing.assert_allclose(found, want, atol=2e-6)


def test_a_strided_one_becomes_a_convolution_per_phase() -> None:
    graph = rewritten(upscaler(9, 6, (7, 4), (2, 3), (2, 1, 2, 1)))
    first, kernels = graph.nodes[:6], {(4, 2), (4, 1), (3, 2), (3, 1)}
    assert {node.params["weight"].shape for node in first} == {(CHANNELS, 5, *k) for k in kernels}
    assert [node.op for node in graph.nodes].count(Op.CONV) == 12
    # What works by pixel comes before the phases are joined: three channels are, not sixteen.
    assert graph.nodes[-1].op is Op.INTERLEAVE
    feeds = {"planes": np.random.default_rng(2).standard_normal((3, 5, 9, 6), np.float32)}
    want = ReferenceSession(upscaler(9, 6, (7, 4), (2, 3), (2, 1, 2, 1))).run(feeds)["last"]
    found = compile_graph(graph, threads=2).run(feeds)["last"]
    assert found.shape == (3, 3, 19, 17)
    np.testing.assert_allclose(found, want, atol=2e-6)


@pytest.mark.parametrize(("rows", "kernel", "stride"), [(1, 4, 1), (2, 7, 1), (1, 5, 2)])
def test_a_kernel_much_larger_than_the_picture_stays(rows: int, kernel: int, stride: int) -> None:
    """As a convolution it would go over all of the border."""
    graph = upscaler(rows, rows, (kernel, kernel), (stride, stride), (0, 0, 0, 0))
    assert rewritten(graph).nodes[0].op is Op.CONV_TRANSPOSE
    graph = upscaler(8 * kernel, 8 * kernel, (kernel, kernel), (stride, stride), (0, 0, 0, 0))
    assert rewritten(graph).nodes[0].op is Op.CONV


def test_a_value_that_is_asked_for_is_joined_before_the_rest() -> None:
    graph = upscaler(4, 5, (4, 4), (2, 2), (1, 1, 1, 1), inner=True)
    feeds = {"planes": np.random.default_rng(3).standard_normal((1, 5, 4, 5), np.float32)}
    want = ReferenceSession(graph).run(feeds)
    split = rewritten(graph)
    found = ReferenceSession(split).run(feeds)
    assert [node.op for node in split.nodes[-2:]] == [Op.INTERLEAVE, Op.CONV]
    for name in ("relu", "last"):
        np.testing.assert_allclose(found[name], want[name], atol=2e-6)


def test_what_nothing_reads_is_left_out() -> None:
    graph = upscaler(4, 5, (4, 4), (2, 2), (1, 1, 1, 1))
    inner = Graph(graph.name, graph.inputs, graph.nodes, ("relu",))
    assert [node.name for node in drop_unread(inner).nodes] == ["grown", "affine1", "relu"]
    assert drop_unread(graph).nodes == graph.nodes
