"""Weights in other formats: ONNX in its own runtime, torch's and numpy's files."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from phiz import store
from phiz.backends.reference import ReferenceSession
from phiz.cli.export import main
from phiz.errors import ModelNotFound, OptionError, ShapeError
from phiz.exporting import export, state_dict
from phiz.formats.dlib_net import Match, search_architectures
from phiz.formats.torch_zip import write_state_dict
from phiz.nets import ARCHITECTURES
from phiz.zoo import require_entry
from tests import dlib_writer as simple
from tests.sources import weight_file

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

# What torch.load(weights_only=True) takes, of the opcodes that a state dict can need.
ALLOWED = {
    "PROTO", "EMPTY_DICT", "MARK", "BINUNICODE", "GLOBAL", "TUPLE", "EMPTY_TUPLE", "BINPERSID",
    "BININT", "NEWFALSE", "REDUCE", "SETITEMS", "STOP",
}  # fmt: skip


def read_state_dict(data: bytes) -> dict[str, np.ndarray]:
    """Evaluate the pickle as PyTorch would, with arrays for tensors."""
    file = zipfile.ZipFile(io.BytesIO(data))
    assert all(item.compress_type == zipfile.ZIP_STORED for item in file.infolist())
    assert file.read("archive/version") == b"3\n"
    stack: list[Any] = []
    mark = object()

    def since_mark() -> list[Any]:
        at = max(i for i, item in enumerate(stack) if item is mark)
        items = stack[at + 1 :]
        del stack[at:]
        return items

    for opcode, argument, _ in pickletools.genops(file.read("archive/data.pkl")):
        name = opcode.name
        assert name in ALLOWED
        if name == "EMPTY_DICT":
            stack.append({})
        elif name == "MARK":
            stack.append(mark)
        elif name in ("BINUNICODE", "BININT", "GLOBAL"):
            stack.append(argument)
        elif name == "NEWFALSE":
            stack.append(False)
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "BINPERSID":
            kind, storage, key, place, size = stack.pop()
            assert (kind, storage, place) == ("storage", "torch FloatStorage", "cpu")
            values = np.frombuffer(file.read(f"archive/data/{key}"), "<f4")
            assert len(values) == size
            stack.append(values)
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            if function == "collections OrderedDict":
                stack.append(None)
                continue
            assert function == "torch._utils _rebuild_tensor_v2"
            values, offset, shape, strides, needs_gradient, hooks = arguments
            assert (offset, needs_gradient, hooks) == (0, False, None)
            steps = [4 * stride for stride in strides]
            stack.append(np.lib.stride_tricks.as_strided(values, shape, steps))
        elif name == "SETITEMS":
            items = since_mark()
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
    assert len(stack) == 1
    found: dict[str, np.ndarray] = stack[0]
    return found


def test_a_state_dict_of_any_shapes_comes_back() -> None:
    random = np.random.default_rng(0)
    arrays = {
        f"layer{i}.weight": random.normal(size=shape).astype(np.float32)
        for i, shape in enumerate([(), (1,), (3,), (2, 3), (4, 3, 2, 5), (0, 3), (70000,)])
    }
    found = read_state_dict(write_state_dict(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert read_state_dict(write_state_dict({})) == {}
    assert write_state_dict(arrays) == write_state_dict(arrays)
    with pytest.raises(ShapeError, match="dtype float32"):
        write_state_dict({"a": np.zeros(2)})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Match]:
    """A weight file of the descriptor's architecture with random numbers."""
    path = tmp_path_factory.mktemp("export") / "mine.dat"
    data = simple.network(ARCHITECTURES["dlib-face-resnet"](), norm="bn_con2")
    path.write_bytes(data)
    return path, search_architectures(data, "mine", [ARCHITECTURES["dlib-face-resnet"]])


def test_onnx_of_an_own_file_is_valid_and_right(small: tuple[Path, Match], tmp_path: Path) -> None:
    path, match = small
    out = tmp_path / "mine.onnx"
    assert export(path, "onnx", out).paths == (out,)
    model = onnx.load(str(out))
    onnx.checker.check_model(model, full_check=True)
    said = {pair.key: pair.value for pair in model.metadata_props}
    assert said["phiz.architecture"] == "dlib-face-resnet"
    assert said["phiz.input.size"] == "150 150"
    assert [float(mean) for mean in said["phiz.input.mean"].split()] == pytest.approx(
        [122.782, 117.001, 104.298], abs=1e-5
    )
    assert float(said["phiz.input.scale"]) == 1 / 256
    assert "phiz.licence" not in said
    image = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": image})[0]
    expected = ReferenceSession(match.graph).run({"image": image})[match.graph.outputs[0]]
    # Normalisation is folded into the convolutions, which rounds differently.
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_onnx_of_a_known_model_carries_licence_and_chip(tmp_path: Path, describer: Any) -> None:
    out = tmp_path / "face.onnx"
    export("dlib-face-resnet-v1", "onnx", out)
    model = onnx.load(str(out))
    said = {pair.key: pair.value for pair in model.metadata_props}
    licence = require_entry("dlib-face-resnet-v1").licence
    assert said["phiz.licence"] == licence.text
    assert said["phiz.licence.evidence"] == licence.evidence
    assert (said["phiz.chip.size"], said["phiz.chip.padding"]) == ("150", "0.25")
    assert licence.text in model.doc_string
    chips = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": chips})[0].reshape(2, 128)
    np.testing.assert_allclose(found, describer(chips).vectors, atol=1e-6)


@pytest.mark.shared
def test_each_network_of_a_file_becomes_a_file(shared: Path, tmp_path: Path) -> None:
    folder = shared / "golden" / "dlib"
    packed = folder / "dcgan" / "dcgan_162x162_synth_faces_pattern.dnn.xz"
    path = tmp_path / "dcgan.dnn"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    exported = export(path, "onnx", tmp_path / "gan.onnx")
    assert [item.name for item in exported.paths] == [
        "gan-generator.onnx",
        "gan-discriminator.onnx",
    ]
    for item in exported.paths:
        onnx.checker.check_model(onnx.load(str(item)), full_check=True)
    noise = onnxruntime.InferenceSession(str(exported.paths[0]), providers=["CPUExecutionProvider"])
    match = search_architectures(path.read_bytes(), "gan", [ARCHITECTURES["cydral-dcgan"]])
    feed = {"planes": np.random.default_rng(0).normal(size=(1, 100, 1, 1)).astype(np.float32)}
    expected = ReferenceSession(match.graph).run(feed)[match.graph.outputs[0]]
    found = noise.run(None, feed)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.shared
def test_onnx_of_a_detector_describes_its_canvas(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = shared / "models" / "mmod_front_and_rear_end_vehicle_detector.dat.bz2"
    out = tmp_path / "cars.onnx"
    assert main(str(packed), "onnx", out) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "a shape predictor" in printed.err
    model = onnx.load(str(out))
    onnx.checker.check_model(model, full_check=True)
    said = {pair.key: pair.value for pair in model.metadata_props}
    assert said["phiz.input.size"] == "any any"
    assert said["phiz.input.pyramid_padding"] == "10"
    assert len(said["phiz.output.windows"].split()) == 6
    assert said["phiz.model"] == "dlib-mmod-vehicle"
    exported = export(packed, "dat", tmp_path / "cars.dat")
    assert exported.left_out == ()
    assert exported.paths[0].read_bytes() == bz2.decompress(packed.read_bytes())


def test_torch_files_hold_every_parameter(small: tuple[Path, Match], tmp_path: Path) -> None:
    path, match = small
    out = tmp_path / "mine.pt"
    export(path, "torch", out)
    found, expected = read_state_dict(out.read_bytes()), state_dict(match.graph)
    assert list(found) == list(expected)
    assert sum(array.size for array in found.values()) == match.graph.parameters
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert found["fc1.weight"].shape == (128, 256)
    first = match.graph.nodes[2].name
    assert {key for key in found if key.startswith(f"{first}.")} == {
        f"{first}.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }


def test_npz_files_hold_every_array_and_the_rest_as_json(
    small: tuple[Path, Match], tmp_path: Path
) -> None:
    path, match = small
    out = tmp_path / "mine.npz"
    export(path, "npz", out)
    with np.load(out, allow_pickle=False) as file:
        said = json.loads(str(file["json"]))
        for number, have in enumerate(match.params.layers):
            for key, array in have.arrays.items():
                stored = file[f"layer{number:03}.{have.kind}.{key}"]
                np.testing.assert_array_equal(stored, array)
        assert not [name for name in file.files if name.endswith(("x_grad", "params_grad"))]
    (net,) = said["nets"]
    assert net["architecture"] == "dlib-face-resnet"
    assert [have["kind"] for have in net["layers"]] == [h.kind for h in match.params.layers]
    assert net["loss"]["kind"] == "loss_metric_2"


@pytest.mark.parametrize("name", ["dlib-landmarks-5", "dlib-hog-frontal"])
def test_predictors_and_hog_detectors_have_dat_and_npz_only(name: str, tmp_path: Path) -> None:
    dat = export(name, "dat", tmp_path / "out.dat").paths[0]
    assert dat.read_bytes() == weight_file(name).read_bytes()
    with np.load(export(name, "npz", tmp_path / "out.npz").paths[0], allow_pickle=False) as file:
        assert {"initial", "leaves"} <= set(file.files) or {"filters"} <= set(file.files)
        assert json.loads(str(file["json"]))["sha256"]
    for to in ("onnx", "torch"):
        with pytest.raises(OptionError, match="is no network: wanted dat or npz"):
            export(name, to, tmp_path / "out")  # type: ignore[arg-type]
        assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_says_why(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="dat, onnx, torch, npz"):
        export("dlib-hog-frontal", "keras", tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(ModelNotFound, match="nobody"):
        export("nobody", "dat", tmp_path / "out")


@pytest.mark.parametrize("name", ["cydral-gender-v1", "cydral-age-v1"])
def test_networks_that_come_as_onnx_become_dlibs_files(name: str, tmp_path: Path) -> None:
    entry = require_entry(name)
    if store.locate(entry) is None:
        pytest.skip(f"no package here carries {name}")
    out = tmp_path / "net.dat"
    export(name, "dat", out)
    architectures = [ARCHITECTURES[str(entry.architecture)]]
    found = search_architectures(out.read_bytes(), "dat", architectures)
    original = search_architectures(
        store.read_weights(store.require(entry).path), name, architectures
    )
    assert found.graph.parameters == original.graph.parameters
    for have, expected in zip(found.params.layers, original.params.layers, strict=True):
        for key, array in expected.arrays.items():
            np.testing.assert_array_equal(have.arrays[key], array)
