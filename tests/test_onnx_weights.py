"""dlib networks that were exported to ONNX layer by layer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from phiz.backends.reference import ReferenceSession
from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_net import search_architectures
from phiz.formats.onnx_weights import is_onnx, read_initializers
from phiz.graph.arch import Arch
from phiz.graph.layers import Affine, AvgPool, Con, Fc, InputRgb, LossPlain, Multiply, Relu, chain
from tests.mutations import mutate

SMALL = Arch(
    "small",
    InputRgb(8),
    chain(Con(4, 3), Affine(), Relu(), AvgPool(2, 2), Multiply(), Fc(3)),
    LossPlain("loss_multiclass_log_"),
)


def parameters() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = {
        "layer_6_weights": (4, 3, 3, 3),
        "layer_6_bias": (4,),
        "layer_5_scale": (1, 4, 1, 1),
        "layer_5_offset": (1, 4, 1, 1),
        "layer_2_scalar": (1,),
        "layer_1_weights": (64, 3),
        "layer_1_bias": (3,),
    }
    return {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }


def file_of(arrays: dict[str, np.ndarray]) -> bytes:
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    tensors.append(numpy_helper.from_array(np.arange(3), "not_float"))
    graph = helper.make_graph([], "exported", [], [], tensors)
    content: bytes = helper.make_model(graph).SerializeToString()
    return content


def test_parameters_find_their_layers() -> None:
    have = parameters()
    data = file_of(have)
    assert is_onnx(data)
    assert {name: a.tolist() for name, a in read_initializers(Cursor(data, "f")).items()} == {
        name: a.tolist() for name, a in have.items()
    }
    match = search_architectures(data, "f", [lambda: SMALL])
    assert match.params.input["mean"] == (122.782, 117.001, 104.298)
    image = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), np.uint8)
    (found,) = ReferenceSession(match.graph).run({"image": image}).values()

    tensor = (
        image.transpose(0, 3, 1, 2) - np.array((122.782, 117.001, 104.298))[:, None, None]
    ) / 256
    padded = np.pad(tensor, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    value = np.einsum("nirckl,oikl->norc", windows, have["layer_6_weights"])
    value = value + have["layer_6_bias"][:, None, None]
    value = np.maximum(value * have["layer_5_scale"] + have["layer_5_offset"], 0)
    value = value.reshape(2, 4, 4, 2, 4, 2).mean(axis=(3, 5)) * have["layer_2_scalar"]
    value = value.reshape(2, -1) @ have["layer_1_weights"] + have["layer_1_bias"]
    np.testing.assert_allclose(found[:, :, 0, 0], value, atol=2e-5)


@pytest.mark.parametrize("name", ["layer_6_bias", "layer_5_offset", "layer_2_scalar"])
def test_missing_parameters_are_named(name: str) -> None:
    have = parameters()
    del have[name]
    with pytest.raises(FormatError, match=f"wanted parameters named {name}"):
        search_architectures(file_of(have), "f", [lambda: SMALL])


def test_parameters_of_another_shape_are_refused() -> None:
    have = parameters()
    have["layer_6_weights"] = have["layer_6_weights"][:3]
    with pytest.raises(FormatError, match="layer_6_weights of"):
        search_architectures(file_of(have), "f", [lambda: SMALL])


def test_damaged_files_give_an_error_or_finite_numbers() -> None:
    data = file_of(parameters())
    assert onnx.load_from_string(data).graph.name == "exported"
    errors = 0
    for seed in range(600):
        try:
            found = read_initializers(Cursor(mutate(data, seed), "f"))
        except FormatError:
            errors += 1
        else:
            assert all(np.isfinite(array).all() for array in found.values())
    assert 0 < errors < 600


def test_dlib_files_are_not_taken_for_onnx() -> None:
    assert not is_onnx(b"\x01\x01\x01\x0d")
    assert not is_onnx(b"")
