"""The face generator against dlib's outputs, and what it promises for any network."""

from __future__ import annotations

import ctypes
import json
import lzma
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.cli import generate
from phiz.errors import OptionError, ShapeError
from phiz.formats.dlib_net import Match, search_architectures
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Graph, Input, Node
from phiz.graph.ops import Op
from phiz.graph.shapes import infer
from phiz.imaging import read_image
from phiz.models.generator import FaceGenerator
from phiz.nets import ARCHITECTURES
from phiz.rng import DlibRandom
from phiz.runtime import Runtime


def array(path: Path) -> np.ndarray:
    if path.suffix != ".xz":
        return np.load(path)
    with lzma.open(path) as file:
        return np.load(file)


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "dlib" / "dcgan"


@pytest.fixture(scope="module")
def match(golden: Path) -> Match:
    data = lzma.decompress((golden / "dcgan_162x162_synth_faces_pattern.dnn.xz").read_bytes())
    return search_architectures(data, "dcgan", [ARCHITECTURES["cydral-dcgan"]])


@pytest.fixture(scope="module")
def generator(match: Match) -> FaceGenerator:
    return FaceGenerator(
        compile_graph(match.nets[0].graph, threads=2, outputs=["sig2"]),
        compile_graph(match.nets[1].graph, threads=2),
        name="pattern",
        identity="pattern",
        runtime=Runtime(2),
    )


@pytest.fixture(scope="module")
def tiny() -> FaceGenerator:
    """Random networks of one layer each; the discriminator takes about half of the pictures."""
    random = np.random.default_rng(5)
    builder = GraphBuilder("generator")
    value = builder.planes("planes", 100, 1, 1)
    weight = (0.2 * random.standard_normal((100, 3, 162, 162))).astype(np.float32)
    attrs: dict[str, Any] = {"strides": (1, 1), "pads": (0,) * 4, "groups": 1}
    value = builder.add(Op.CONV_TRANSPOSE, [value], attrs=attrs, params={"weight": weight})
    made = builder.finish([builder.add(Op.SIGMOID, [value])])

    builder = GraphBuilder("discriminator")
    value = builder.image("image", 162, 162)
    scale: dict[str, Any] = {"mean": (127.0,) * 3, "scale": 1 / 256}
    value = builder.add(Op.TO_TENSOR, [value], attrs=scale)
    weight = random.standard_normal((3 * 162 * 162, 1)).astype(np.float32)
    judged = builder.finish([builder.add(Op.FC, [value], params={"weight": weight})])
    return FaceGenerator(
        compile_graph(made, threads=2),
        compile_graph(judged, threads=2),
        name="tiny",
        identity="tiny",
        runtime=Runtime(2),
    )


@pytest.mark.shared
def test_gaussians_are_those_of_dlib(shared: Path) -> None:
    folder = shared / "golden" / "dlib"
    kept = json.loads((folder / "train" / "graphs" / "dlib_rand.json").read_text())
    random = DlibRandom()
    drawn = [random.gaussian() for _ in range(100)]
    # The same formula: only the last digits of log and sqrt may differ.
    np.testing.assert_allclose(drawn[:8], kept["default_seed"]["gaussian"], rtol=1e-13)
    latents = np.load(folder / "dcgan" / "latents.npy")
    np.testing.assert_array_equal(np.array(drawn, np.float32), latents[2])


def test_gaussians_have_mean_0_and_deviation_1() -> None:
    random = DlibRandom(3)
    drawn = np.array([random.gaussian() for _ in range(20_000)])
    assert abs(drawn.mean()) < 0.03  # four times the standard error
    assert abs(drawn.std() - 1) < 0.02
    assert 0.65 < (np.abs(drawn) < 1).mean() < 0.71


@pytest.mark.shared
@pytest.mark.parametrize("k", [0, 1, 2])
def test_pictures_of_dlib(golden: Path, match: Match, generator: FaceGenerator, k: int) -> None:
    latents = np.load(golden / "latents.npy")[k : k + 1]
    session = compile_graph(match.nets[0].graph, threads=2, outputs=["sig2"])
    planes = session.run({"planes": latents.reshape(1, 100, 1, 1)})["sig2"]
    # float32 sums in another order
    np.testing.assert_allclose(planes, array(golden / f"bn_out_{k}.npy.xz"), atol=1e-6)
    expected = np.array(Image.open(golden / f"image_{k}.png"))
    off = np.abs(generator.decode(latents)[0].astype(int) - expected)
    # 255 x is truncated: a difference of 1e-7 shows where it is next to a whole number.
    assert off.max() <= 1
    assert np.count_nonzero(off) <= 8


@pytest.mark.shared
def test_the_first_picture_of_a_fresh_generator(golden: Path, generator: FaceGenerator) -> None:
    expected = np.array(Image.open(golden / "image_2.png"))
    off = generator.generate(1, reject=False)[0].astype(int) - expected
    assert np.abs(off).max() <= 1
    assert np.count_nonzero(off) <= 8


def _segments(graph: Graph) -> list[Graph]:
    """Cut a chain of nodes after each SCALE, which stands for dropout."""
    ends = [i + 1 for i, node in enumerate(graph.nodes) if node.op is Op.SCALE]
    shapes = infer(graph)
    parts = []
    for start, end in pairwise([0, *ends, len(graph.nodes)]):
        nodes = [node for node in graph.nodes[start:end] if node.op is not Op.SCALE]
        inputs = graph.inputs
        if start:
            channels, rows, columns = shapes[graph.nodes[start - 1].name]
            inputs = (Input("value", (rows, columns, int(channels or 0)), "planes"),)
            first = nodes[0]
            nodes[0] = Node(first.op, first.name, ("value",), first.attrs, first.params)
        parts.append(Graph(f"part{start}", inputs, tuple(nodes), (nodes[-1].name,)))
    return parts


@pytest.mark.shared
def test_the_discriminator_of_dlib_with_its_dropout(golden: Path, match: Match) -> None:
    """dlib's dropout layers drop at random whenever they run.

    Each has a generator seeded by C's rand(): the 20th to 24th numbers since the program's start,
    the layer nearest to the output first.  It judged the three pictures and the pattern, in turn.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        pytest.skip("the reference outputs were made with the GNU library's rand()")
    libc.srand(1)
    seeds = [libc.rand() for _ in range(24)][19:]
    sessions = [compile_graph(part, threads=2) for part in _segments(match.nets[1].graph)]
    streams = [DlibRandom(seed) for seed in reversed(seeds)]
    for k in range(3):
        layers = json.loads((golden / f"disc_layers_{k}.json").read_text())
        activations = [layer for layer in layers if layer["layer"].startswith("leaky_relu")]
        picture = np.array(Image.open(golden / f"image_{k}.png"))[None]
        feed: dict[str, Any] = {"image": picture}
        for session, stream, layer in zip(sessions, streams, reversed(activations), strict=False):
            (value,) = session.run(feed).values()
            stats = layer["output"]
            assert list(value.shape) == stats["shape"]
            step = [j * (value.size - 1) // 31 for j in range(32)]
            np.testing.assert_allclose(value.reshape(-1)[step], stats["samples32"], atol=2e-6)
            words = stream.words(value.size) & 0xFFFFFF
            kept = (words.astype(np.float32) / np.float32(2**24) > 0.5).reshape(value.shape)
            feed = {"value": np.where(kept, value, np.float32(0))}
        (logit,) = sessions[-1].run(feed).values()
        expected = np.load(golden / f"disc_out_{k}.npy")
        np.testing.assert_allclose(logit.reshape(()), expected.reshape(()), atol=1e-6)


@pytest.mark.shared
def test_logits_do_not_depend_on_the_batch(golden: Path, generator: FaceGenerator) -> None:
    batch = np.stack([np.array(Image.open(golden / f"image_{k}.png")) for k in range(3)])
    logits = generator.judge(batch)
    assert logits.shape == (3,)
    for picture, logit in zip(batch, logits, strict=True):
        assert generator.judge(picture[None])[0] == logit


@pytest.mark.shared
def test_the_last_try_counts_with_a_warning(generator: FaceGenerator) -> None:
    """The pattern discriminator takes no picture at all."""
    with pytest.warns(UserWarning, match="took none of 3 pictures"):
        found = generator.generate(1, tries=3)
    np.testing.assert_array_equal(found[0], generator.generate(3, reject=False)[2])


def test_rejected_pictures_are_left_out(tiny: FaceGenerator) -> None:
    drawn = tiny.generate(16, seed=4, reject=False)
    taken = drawn[tiny.judge(drawn) > 0]
    assert 2 < len(taken) < 14
    np.testing.assert_array_equal(tiny.generate(len(taken), seed=4), taken)


def test_a_seed_goes_on_where_it_was(tiny: FaceGenerator) -> None:
    five = tiny.generate(5, seed=9)
    np.testing.assert_array_equal(tiny.generate(3, seed=9), five[:3])
    assert not np.array_equal(tiny.generate(3, seed=10), five[:3])
    assert five.shape == (5, 162, 162, 3)
    assert five.dtype == np.uint8


def test_latents_decode_the_same_in_any_batch(tiny: FaceGenerator) -> None:
    latents = np.random.default_rng(0).standard_normal((4, 100)).astype(np.float32)
    batch = tiny.decode(latents)
    for row, picture in zip(latents, batch, strict=True):
        np.testing.assert_array_equal(tiny.decode(row[None])[0], picture)


def test_nothing_asked_nothing_made(tiny: FaceGenerator) -> None:
    assert tiny.generate(0).shape == (0, 162, 162, 3)


def test_bad_requests_say_what_was_wanted(tiny: FaceGenerator) -> None:
    with pytest.raises(OptionError, match="wanted 0 or more pictures, found -1"):
        tiny.pictures(-1)
    with pytest.raises(OptionError, match="wanted 1 or more, found 0"):
        tiny.generate(1, tries=0)
    with pytest.raises(ShapeError, match=r"latents for tiny: wanted shape \(any, 100\)"):
        tiny.decode(np.zeros((1, 99), np.float32))
    with pytest.raises(ShapeError, match="finite"):
        tiny.decode(np.full((1, 100), np.nan, np.float32))
    with pytest.raises(ShapeError, match="pictures for tiny"):
        tiny.judge(np.zeros((1, 150, 150, 3), np.uint8))
    alone = FaceGenerator(tiny._generator, None, name="alone", identity="", runtime=Runtime(1))
    with pytest.raises(OptionError, match="no discriminator"):
        alone.generate(1)
    assert len(alone.generate(1, reject=False)) == 1


def test_pictures_and_grid_are_written(
    tiny: FaceGenerator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "nobody"
    assert generate.write_pictures(tiny, out, count=5, seed=2, reject=True, as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    pictures = tiny.generate(5, seed=2)
    for line, picture in zip(lines, pictures, strict=False):
        np.testing.assert_array_equal(read_image(line["path"]), picture)
    sheet = read_image(lines[5]["path"])
    assert sheet.shape == (2 * 162, 3 * 162, 3)
    np.testing.assert_array_equal(sheet[162:, 162:324], pictures[4])
    assert not sheet[162:, 324:].any()
    assert len(list(out.iterdir())) == 6
