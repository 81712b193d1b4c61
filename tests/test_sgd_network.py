"""A network that dlib's trainer wrote before its first step, described as a user would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.errors import FormatError
from phiz.formats.dlib_net import Match, search_architectures
from phiz.formats.dlib_write import write_match
from phiz.graph.arch import Arch
from phiz.graph.graph import Graph
from phiz.graph.layers import Affine, AvgPool, Con, Fc, InputRgb, LossMetric, Relu, chain
from tests.mutations import mutate

pytestmark = pytest.mark.shared

COUNT = 8  # pictures of one step


def metric_net() -> Arch:
    return Arch(
        "metric",
        InputRgb(10, sized=True),
        chain(Con(6, 3), Affine(), Relu(), AvgPool(), Fc(4, bias=False)),
        LossMetric(),
    )


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "golden" / "dlib" / "train" / "sgd"


@pytest.fixture(scope="module")
def data(folder: Path) -> bytes:
    return (folder / "net_step0.dat").read_bytes()


def read(data: bytes) -> Match:
    return search_architectures(data, "net_step0.dat", [metric_net])


def images(folder: Path) -> np.ndarray:
    return np.stack([np.array(Image.open(folder / f"img_{i}.png")) for i in range(COUNT)])


def test_the_file_is_read_to_its_end_and_comes_back_byte_for_byte(data: bytes) -> None:
    match = read(data)
    assert [have.kind for have in match.params.layers] == [
        "con_5", "bn_con2", "relu_", "avg_pool_2", "fc_3",
    ]  # fmt: skip
    assert match.params.loss["margin"] == np.float32(0.04)
    assert match.params.loss["threshold"] == np.float32(0.6)
    assert write_match(match) == data


def test_parameters_are_those_before_the_first_step(folder: Path, data: bytes) -> None:
    con, norm, _, _, fc = (have.arrays for have in read(data).params.layers)
    for name, parts in (
        ("con", (con["weight"], con["bias"])),
        ("bn", (norm["gamma"], norm["beta"])),
        ("fc", (fc["weight"],)),
    ):
        want = np.load(folder / f"step0_{name}.npy").reshape(-1)
        np.testing.assert_array_equal(np.concatenate([part.reshape(-1) for part in parts]), want)


def with_statistics(graph: Graph, **statistics: np.ndarray) -> Graph:
    """Return the graph with another mean and variance in its batch normalisation."""
    nodes = tuple(
        replace(node, params={**node.params, **statistics}) if "variance" in node.params else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def test_the_training_step_is_reproduced_with_the_statistics_of_its_batch(
    folder: Path, data: bytes
) -> None:
    """In training dlib normalises with the batch's statistics; 1e-6 is float32's rounding.

    The running ones then take in a part in 101 of them, since 100 updates were made before; the
    variance without the bias of a sample.
    """
    match = read(data)
    graph, feeds = match.graph, {"image": images(folder)}
    con = ReferenceSession(graph, ["con5"]).run(feeds)["con5"].astype(np.float64)
    mean, variance = con.mean(axis=(0, 2, 3)), con.var(axis=(0, 2, 3))
    batch = with_statistics(
        graph, mean=mean.astype(np.float32), variance=variance.astype(np.float32)
    )
    want = np.load(folder / "step0_train_forward_output.npy")
    for session in (ReferenceSession(batch), compile_graph(batch, threads=1)):
        np.testing.assert_allclose(session.run(feeds)["fc1"], want, atol=1e-6)
    held, size = match.params.layers[1], con[:, 0].size
    assert held.meta["num_updates"] == held.meta["running_stats_window_size"] == 100
    for key, fresh in (("mean", mean), ("variance", variance * size / (size - 1))):
        after = np.load(folder / f"step1_bn_running_{key}s.npy").reshape(-1)
        np.testing.assert_allclose((100 * held.arrays[key] + fresh) / 101, after, atol=1e-6)


def test_damaged_copies_give_an_error_or_finite_numbers(data: bytes) -> None:
    damaged = [data[:length] for length in range(len(data))]
    flipped = bytearray(data)
    for at in range(len(data)):
        for bit in range(8):
            flipped[at] ^= 1 << bit
            damaged.append(bytes(flipped))
            flipped[at] ^= 1 << bit
    damaged += [mutate(data, seed) for seed in range(1000)]
    errors = 0
    for each in damaged:
        try:
            params = read(each).params
        except FormatError as error:
            assert 0 <= error.at <= len(each)
            errors += 1
        else:
            for have in params.layers:
                assert all(np.isfinite(array).all() for array in have.arrays.values())
    assert errors >= len(data)


def test_one_picture_is_described_like_several(folder: Path, data: bytes) -> None:
    session, pictures = compile_graph(read(data).graph, threads=1), images(folder)
    together = session.run({"image": pictures})["fc1"]
    assert together.shape == (COUNT, 4, 1, 1)
    for number in range(COUNT):
        alone = session.run({"image": pictures[number : number + 1]})["fc1"]
        np.testing.assert_array_equal(together[number : number + 1], alone)
