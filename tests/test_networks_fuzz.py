"""Small random networks of every layer kind: both backends agree, and damage is noticed."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.errors import FormatError
from phiz.formats.dlib_net import Match, search_architectures
from phiz.graph import layers as all_layers
from phiz.graph.arch import Arch
from phiz.graph.graph import Graph
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Fc,
    Gelu,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    InputRgb,
    LayerNorm,
    LeakyRelu,
    Linear,
    LossBarlowTwins,
    LossMetric,
    LossMmod,
    LossPlain,
    MaxPool,
    Multiply,
    MultmPrev,
    PatchesToSequence,
    Relu,
    Repeat,
    ReshapeTo,
    ResizeTo,
    RmsNorm,
    Rotary,
    Sig,
    Skip,
    Softmaxm,
    Tag,
    Transpose,
    TrilMask,
    chain,
)
from phiz.inspecting import identify
from tests.dlib_writer import Dialect, double, integer, network, number
from tests.mutations import mutate

RESIDUAL = Arch(
    "residual",
    InputRgb(16, sized=True),
    chain(
        Con(4, 3, stride=2), Affine(), Relu(), MaxPool(3, stride=1, pad=1),
        Tag(1), Con(6, 3, stride=2), Affine(), Tag(2), Skip(1), AvgPool(2, stride=2), AddPrev(2),
        Multiply(), AvgPool(), Fc(3, bias=False),
    ),
    LossMetric(),
)  # fmt: skip
DENSE = Arch(
    "dense",
    InputRgb(12),
    chain(
        Con(4, 3), Affine(), Relu(),
        Repeat(2, (Tag(1), Affine(), Relu(), Con(3, 3), Tag(2), Concat((1, 2)))),
        Con(5, 1), Repeat(1, (Con(5, 3), Relu())), Fc(4), Relu(), Multiply(), Fc(2),
    ),
    LossPlain("loss_multiclass_log_"),
)  # fmt: skip
COLOUR = Arch(
    "colour",
    InputMatrix(15, 13),
    chain(
        Con(4, 3, stride=2), LeakyRelu(), Tag(5), Con(6, 3, stride=2), Affine(),
        Cont(4, 3, stride=2), ResizeTo(5), Tag(6), Concat((5, 6)), Cont(2, 2, stride=2), Sig(),
    ),
    LossPlain("loss_mean_squared_per_channel_and_pixel_"),
)  # fmt: skip
GENERATOR = Arch(
    "generator",
    InputPlanes(7),
    chain(Cont(5, 3, 1, 0), Affine(), Relu(), Cont(3, 4, 2, 1), Sig(), Fc(1, bias=False)),
    LossPlain("loss_binary_log_per_pixel_"),
)
CRITIC = Arch(
    "critic",
    InputMatrix(14, 14, "rgb"),
    chain(Con(4, 4, 2, 1), Affine(), LeakyRelu(), Multiply(), Con(2, 1, pad=0), Fc(1)),
)
TAGGED = Arch("tagged", InputRgb(8), chain(Tag(1), Con(3, 3), AddPrev(1)), LossBarlowTwins())
HEAD = (Linear(10, bias=False), ReshapeTo(2, 12, 5))
TRANSFORMER = Arch(
    "transformer",
    InputMatrix(15, 20, "rgb"),
    chain(
        Con(10, 5, stride=5), PatchesToSequence(), Linear(10), Sig(), LayerNorm(),
        Repeat(2, chain(
            Tag(1), HEAD, Tag(2), Skip(1), HEAD, Rotary(), Transpose(), Tag(3), Skip(1),
            HEAD, Rotary(), MultmPrev(3), Multiply(), TrilMask(), Softmaxm(), MultmPrev(2),
            LayerNorm(), ReshapeTo(1, 12, 10), Linear(10), AddPrev(1), Gelu(), RmsNorm(),
        )),
        Fc(4), Affine(), Relu(), Fc(3),
    ),
    LossPlain("loss_multiclass_log_"),
)  # fmt: skip
DETECTOR = Arch(
    "detector",
    InputPyramid(),
    chain(Con(4, 5, stride=2), Affine(), Relu(), Con(2, 3)),
    LossMmod(),
)

OLD = Dialect()
NEW = Dialect(con="con_6", cont="cont_2", fc="fc_3", relu="relu_2", norm="affine_2")
NORM = Dialect(con="con_5", norm="bn_con2", multiply="dropout_", bias=False)


@dataclass(frozen=True)
class File:
    arch: Arch
    dialect: Dialect

    @cached_property
    def data(self) -> bytes:
        return network(self.arch, seed=len(self.arch.name), dialect=self.dialect)

    def read(self, data: bytes) -> Match:
        return search_architectures(data, "f", [lambda: self.arch])


FILES = {
    "residual": File(RESIDUAL, OLD),
    "residual, normalised": File(RESIDUAL, NORM),
    "residual, new": File(RESIDUAL, NEW),
    "residual, fully connected normalisation": File(RESIDUAL, Dialect(norm="bn_fc2")),
    "residual, fused": File(
        RESIDUAL, Dialect(con="con_6", relu="relu_2", norm="affine_2", use_relu=True, disabled=True)
    ),
    "residual, fused without bias": File(RESIDUAL, Dialect(con="con_6", use_relu=True, bias=False)),
    "dense": File(DENSE, NEW),
    "dense, without bias": File(DENSE, NORM),
    "dense, con_5 with bias": File(DENSE, Dialect(con="con_5")),
    "colour": File(COLOUR, OLD),
    "colour, new": File(COLOUR, Dialect(cont="cont_2", con="con_6", norm="bn_con2")),
    "colour, without bias": File(COLOUR, Dialect(cont="cont_2", bias=False)),
    "generator": File(GENERATOR, Dialect(norm="bn_con2")),
    "critic": File(CRITIC, NORM),
    "transformer": File(TRANSFORMER, Dialect(con="con_6", norm="bn_fc2", multiply="dropout_")),
    "tagged": File(TAGGED, OLD),
    "detector 1": File(DETECTOR, Dialect(mmod=1)),
    "detector 2": File(DETECTOR, Dialect(mmod=2)),
    "detector 3": File(DETECTOR, Dialect(mmod=3, norm="bn_con2")),
    "detector 4": File(DETECTOR, Dialect(mmod=4, pyramid2=True)),
}


def feeds_of(graph: Graph) -> dict[str, np.ndarray]:
    """Return three random inputs."""
    chance = np.random.default_rng(1)
    (source,) = graph.inputs
    rows, columns, channels = source.shape
    sides = (rows or 37, columns or 29)
    if source.kind == "planes":
        values = chance.standard_normal((3, channels, *sides)).astype(np.float32)
    else:
        shape = (3, *sides) if source.kind == "gray" else (3, *sides, channels)
        values = chance.integers(0, 256, shape).astype(np.uint8)
    return {source.name: values}


def test_every_kind_of_layer_is_in_one_of_the_networks() -> None:
    kinds = {type(layer).__name__ for file in FILES.values() for layer in file.arch.flat()}
    kinds |= {type(file.arch.input).__name__ for file in FILES.values()}
    kinds |= {type(file.arch.loss).__name__ for file in FILES.values()} | {"Repeat"}
    aliases = {"Input", "Layer", "Loss", "chain"}
    assert set(all_layers.__all__) - aliases <= kinds


@pytest.mark.parametrize("name", FILES)
def test_the_backends_agree(name: str) -> None:
    """The reference adds in float64: sums of at most a few hundred products, so 1e-5."""
    file = FILES[name]
    graph = file.read(file.data).graph
    feeds = feeds_of(graph)
    (want,) = ReferenceSession(graph).run(feeds).values()
    assert want.std() > 0
    for fold in (True, False):
        (found,) = compile_graph(graph, threads=1, fold=fold).run(feeds).values()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("name", FILES)
def test_inner_layers_agree(name: str) -> None:
    file = FILES[name]
    graph = file.read(file.data).graph
    names, feeds = [node.name for node in graph.nodes], feeds_of(graph)
    want = ReferenceSession(graph, names).run(feeds)
    found = compile_graph(graph, threads=1, fold=False, outputs=names).run(feeds)
    for key in names:
        largest = np.abs(want[key][np.isfinite(want[key])]).max()  # a mask is infinite
        np.testing.assert_allclose(found[key], want[key], atol=1e-5 * largest)


def test_a_relu_within_a_convolution_needs_a_bias() -> None:
    """dlib's convolution with a relu applies it only where it adds biases."""
    for name, fused in (("residual, fused", True), ("residual, fused without bias", False)):
        graph = FILES[name].read(FILES[name].data).graph
        assert any(node.name.endswith(".con") for node in graph.nodes) is fused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\x05tril_\x01\x00\x01\x00\x02\x01\x7d", b"\x05tril_\x01\x00\x01\x00\x02\x01\x7e",
         r"minus infinity above diagonal 0, which is \(0, 0, 32001\) .*, found \(0, 0, 32257\)"),
        (b"\x05tril_\x01\x00", b"\x05tril_\x01\x01", r"found \(1, 0, 32001\)"),
        (b"\x01\x02\x01\x0c\x01\x050", b"\x01\x02\x01\x0c\x01\x051", "to keep the number of"),
        (b"\x01\x02\x01\x0c\x01\x050", b"\x01\x02\x01\x0d\x01\x050", r"wanted .* \(2, 12, 5\)"),
        (b"embedding_\x01\x0c\x01\x05", b"embedding_\x01\x00\x01\x05", "rows and columns .* 0 x 5"),
        (b"embedding_\x01\x0c\x01\x05", b"embedding_\x01\x0c\x01\x06", "wanted angles .* 12 x 3"),
        (b"linear_\x01\x0a\x01\x0a", b"linear_\x01\x0a\x01\x0b", "weights .* shaped"),
    ],
)  # fmt: skip
def test_layers_that_contradict_the_architecture_are_told(
    old: bytes, new: bytes, message: str
) -> None:
    file = FILES["transformer"]
    assert old in file.data
    with pytest.raises(FormatError, match=message):
        file.read(file.data.replace(old, new, 1))


@pytest.mark.parametrize("name", ["eps", "scale"])
def test_numbers_that_no_network_can_compute_with_are_refused(name: str) -> None:
    """An eps of 2, and a factor beyond float32: both are finite numbers of a file."""
    file, old, new = FILES["transformer"], double(1e-5), double(2.0)
    want = "an eps of .* between 0 and 1"
    if name == "scale":
        file, old, new = FILES["dense"], number(0.25), integer(1) + integer(200)
        want = "at most 3.40282e[+]38"
    with pytest.raises(FormatError, match=want):
        file.read(file.data.replace(old, new, 1))


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_options_of_every_version_are_read(version: int) -> None:
    file = FILES[f"detector {version}"]
    params = file.read(file.data).params
    options = params.loss["options"]
    assert options.version == version
    assert [window.width for window in options.windows] == ([80] if version == 1 else [80, 80])
    assert [window.label for window in options.windows] == (
        [""] if version == 1 else ["front", "rear"]
    )
    assert options.nms == options.ignore == (0.4, 0.9)
    assert (params.input["padding"], params.input["outer_padding"]) == (10, 11)


def finite(file: File, data: bytes) -> bool:
    """Read a damaged file: either a FormatError that says what was wanted, or finite numbers."""
    try:
        match = file.read(data)
    except FormatError as error:
        assert error.path == "f"
        assert 0 <= error.at <= len(data)
        assert error.want
        assert error.found
        return False
    for node in match.graph.nodes:
        assert all(np.isfinite(value).all() for value in node.params.values())
        for value in node.attrs.values():
            assert np.isfinite(value).all()
    return True


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_an_error(name: str) -> None:
    file = FILES[name]
    data = file.data
    for length in [*range(100), *range(100, len(data), max(1, len(data) // 200))]:
        assert not finite(file, data[:length])


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_give_an_error_or_finite_numbers(name: str) -> None:
    file = FILES[name]
    chance, data = random.Random(0), bytearray(file.data)
    for _ in range(300):
        at, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        data[at] ^= bit
        finite(file, bytes(data))
        data[at] ^= bit


@pytest.mark.parametrize("name", FILES)
@given(seed=st.integers(0, 2**32))
def test_damage_of_any_kind_gives_an_error_or_finite_numbers(name: str, seed: int) -> None:
    file = FILES[name]
    finite(file, mutate(file.data, seed))


def test_a_network_is_not_read_as_another() -> None:
    makers = [lambda arch=file.arch: arch for file in FILES.values()]
    for file in FILES.values():
        assert search_architectures(file.data, "f", makers).arch == file.arch


def search_tiny(data: bytes, path: str) -> Match:
    return search_architectures(data, path, [lambda: RESIDUAL, lambda: DENSE])


@pytest.mark.parametrize("read", [identify, search_tiny])
def test_an_error_keeps_nothing_of_the_file_once_it_is_dropped(
    read: Callable[[bytes, str], object],
) -> None:
    data = network(RESIDUAL)[:-9]
    gc.collect()
    gc.disable()  # only what is in a cycle would wait for it
    try:
        with pytest.raises(FormatError):
            read(data, "cut.dat")
        # By type: isinstance asks what weak proxies stand for, which may be gone.
        assert FormatError not in {type(each) for each in gc.get_objects()}
    finally:
        gc.enable()
