"""Networks that dlib's fuse_layers rewrote: normalisation and relu inside the convolution."""

from __future__ import annotations

import numpy as np
import pytest

from phiz.backends.reference import ReferenceSession
from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_net import read_net
from phiz.formats.dlib_write import write_net
from phiz.graph.arch import Arch, ArchParams, LayerParams
from phiz.graph.layers import Affine, Con, Fc, InputRgb, Relu, chain
from phiz.graph.ops import Op

ARCH = Arch("fused", InputRgb(6), chain(Con(5, 3), Affine(), Relu(), Fc(2)))
RANDOM = np.random.default_rng(0)
WEIGHT, BIAS, GAMMA, BETA, FC = (
    RANDOM.standard_normal(shape).astype(np.float32)
    for shape in ((5, 3, 3, 3), (5,), (5,), (5,), (180, 2))
)
LAST = LayerParams("fc_3", {"weight": FC, "bias": np.ones(2, np.float32)}, {"use_bias": True})
NONE = np.zeros(0, np.float32)


def plain() -> ArchParams:
    layers = (
        LayerParams("con_6", {"weight": WEIGHT, "bias": BIAS}, {"use_bias": True}),
        LayerParams("affine_2", {"gamma": GAMMA, "beta": BETA}, {"mode": 0}),
        LayerParams("relu_2", {}, {}),
        LAST,
    )
    return ArchParams({}, layers, {})


def fused() -> ArchParams:
    weight, bias = GAMMA[:, None, None, None] * WEIGHT, GAMMA * BIAS + BETA
    inside = {"use_bias": True, "use_relu": True}
    off = {"mode": 0, "disabled": True, "channels": 5}
    layers = (
        LayerParams("con_6", {"weight": weight, "bias": bias}, inside),
        LayerParams("affine_2", {"gamma": NONE, "beta": NONE}, off),
        LayerParams("relu_2", {}, {"disabled": True}),
        LAST,
    )
    return ArchParams({}, layers, {})


def test_a_fused_network_gives_what_the_whole_one_gives() -> None:
    image = RANDOM.integers(0, 256, (2, 6, 6, 3), np.uint8)
    data = write_net(ARCH, fused())
    params = read_net(Cursor(data, "f"), ARCH)
    assert write_net(ARCH, params) == data
    graph = ARCH.lower(params)
    assert [node.op for node in graph.nodes] == [Op.TO_TENSOR, Op.CONV, Op.RELU, Op.FC]
    (found,) = ReferenceSession(graph).run({"image": image}).values()
    whole = read_net(Cursor(write_net(ARCH, plain()), "f"), ARCH)
    (expected,) = ReferenceSession(ARCH.lower(whole)).run({"image": image}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_layer_that_is_not_off_needs_its_parameters() -> None:
    data = write_net(ARCH, fused())
    flag = data.index(b"affine_2") + data[data.index(b"affine_2") :].index(b"1110")
    with pytest.raises(FormatError, match="parameters"):
        read_net(Cursor(data[:flag] + b"0" + data[flag + 1 :], "f"), ARCH)
