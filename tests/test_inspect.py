"""phiz models inspect: what files hold, and where they stop making sense."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.cli.inspect import inspect
from phiz.errors import FormatError, ModelNotFound, PhizError
from phiz.exporting import export
from phiz.formats.onnx_metadata import read_onnx_summary
from phiz.graph.arch import Arch
from phiz.graph.layers import Con, Fc, InputRgb, LossMetric, Relu, chain
from phiz.inspecting import describe_file, layer_names
from phiz.nets import ARCHITECTURES
from tests import dlib_writer as simple
from tests.test_faceapi_nets import drawn
from tests.test_tfjs import described, write


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspect") / "mine.dat"
    path.write_bytes(simple.network(ARCHITECTURES["dlib-face-resnet"]()))
    return path


def test_a_network_is_told_layer_by_layer(network: Path) -> None:
    found = describe_file(str(network))
    assert found.known
    lines = found.text.splitlines()
    assert "architecture dlib-face-resnet" in lines
    assert "input input_rgb_image_sized, mean 122.782 117.001 104.298" in lines
    assert any(line.split()[:2] == ["fc1", "fc"] and "32768" in line for line in lines)


def test_predictors_and_detectors_are_told(tmp_path: Path) -> None:
    shape, hog = tmp_path / "shape.dat", tmp_path / "hog.svm.bz2"
    shape.write_bytes(simple.shape_predictor(points=7, cascades=2, trees=3, depth=2, pixels=9))
    hog.write_bytes(bz2.compress(simple.fhog_detector()))
    text = describe_file(str(shape)).text
    assert "shape predictor of 7 points" in text
    assert "2 cascades of 3 trees with 3 splits, 9 pixels each" in text
    assert "HOG detector of 2 filter banks, 31 x 4 x 4" in describe_file(str(hog)).text


def test_a_mismatch_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch = Arch(
        "other", InputRgb(150, sized=True), chain(Con(32, 7, stride=2), Relu(), Fc(9)), LossMetric()
    )
    path = tmp_path / "other.dat"
    path.write_bytes(simple.network(arch))
    found = describe_file(str(path))
    assert not found.known
    assert "no architecture that phiz knows" in found.text
    assert "it fits until byte" in found.text
    assert "reading it as dlib-face-resnet, which matches furthest" in found.text
    assert "loss_metric_2 input_rgb_image_sized con_4 relu_ fc_2" in found.text
    assert inspect([str(path)]) == 1
    assert "matches furthest" in capsys.readouterr().out


def test_a_wrong_layer_is_named_with_its_byte(network: Path, tmp_path: Path) -> None:
    data = bytearray(network.read_bytes())
    at = data.rindex(b"fc_2")
    data[at : at + 4] = b"fc_9"
    path = tmp_path / "broken.dat"
    path.write_bytes(data)
    text = describe_file(str(path)).text
    assert f"it fits until byte {at - 2}" in text
    assert "wanted layer 1 of dlib-face-resnet (fc_2 or fc_3)" in text
    assert "found 'fc_9'" in text


def test_names_of_layers_are_found_wherever_they_are(network: Path) -> None:
    names = layer_names(network.read_bytes())
    assert names[:4] == ["loss_metric_2", "input_rgb_image_sized", "con_4", "affine_"]
    assert names.count("con_4") == 29
    assert names[-1] == "fc_2"


def test_onnx_files_are_told(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.onnx"
    export(network, "onnx", out)
    found = describe_file(str(out))
    assert found.known
    assert "ONNX model dlib-face-resnet by phiz" in found.text
    assert "phiz.input.size: 150 150" in found.text
    assert "[32 x 3 x 7 x 7; 32]" in found.text
    summary = read_onnx_summary(out.read_bytes(), "net")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model = onnx.load(str(out))
    assert [node.kind for node in summary.nodes] == [node.op_type for node in model.graph.node]
    assert [node.inputs for node in summary.nodes] == [tuple(n.input) for n in model.graph.node]
    assert dict(summary.weights) == {i.name: tuple(i.dims) for i in model.graph.initializer}


@given(st.binary(max_size=60))
def test_damaged_onnx_files_fail_as_formats_do(data: bytes) -> None:
    try:
        read_onnx_summary(b"\x08\x08" + data, "fuzz")
    except PhizError as error:
        assert isinstance(error, FormatError)


def test_manifests_are_told_layer_by_layer(tmp_path: Path) -> None:
    tensors = drawn("faceapi-landmarks-68-tiny")[1]
    entries = [described(name, list(value.shape), "float32") for name, value in tensors.items()]
    data = b"".join(value.astype("<f4").tobytes() for value in tensors.values())
    path = write(tmp_path, [(entries, data, [1 << 17])])
    found = describe_file(str(path))
    assert found.known
    lines = found.text.splitlines()
    assert "paths group0-shard1, group0-shard2" in lines
    assert "  dense0/conv0/filters  3 x 3 x 3 x 32  float32" in lines
    assert "architecture faceapi-landmarks-68-tiny" in lines
    assert "input 112 x 112 RGB, mean 122.782 117.001 104.298, scale 0.00392157" in lines
    assert "faceapi-landmarks-68-tiny: 77224 parameters" in lines
    assert any(line.split() == ["points", "fc", "features", "136", "x", "1", "x", "1", "17544"]
               for line in lines)  # fmt: skip
    assert describe_file(str(tmp_path)).text == found.text


def test_manifests_that_fit_nothing_are_told(tmp_path: Path) -> None:
    weight = described("conv0/filters", [3, 3, 3, 16], "float32")
    bias = described("conv0/bias", [16], "float32", ("uint8", 0.1, -1))
    path = write(tmp_path, [([weight, bias], bytes(3 * 3 * 3 * 16 * 4 + 16), [])])
    found = describe_file(str(path))
    assert not found.known
    assert "conv0/filters  3 x 3 x 3 x 16  float32\n" in found.text
    assert "conv0/bias  16  float32 as uint8" in found.text
    assert "no architecture that phiz knows" in found.text
    assert "wanted the tensor conv1/depthwise_filter of shape (3, 3, 16, 1)" in found.text
    assert "(as faceapi-tiny, which fits best)" in found.text
    path.with_name("group0-shard1").unlink()
    assert "wanted the shard group0-shard1 beside it" in describe_file(str(path)).text
    path.write_text('[{"weights": 3}]')
    with pytest.raises(FormatError, match="weights of a group as a list"):
        describe_file(str(path))


@pytest.mark.shared
def test_a_published_manifest_is_told(shared: Path) -> None:
    found = describe_file(str(shared / "models" / "faceapi-tiny-yolov2"))
    assert found.known
    assert "conv0/depthwise_filter  3 x 3 x 3 x 1  float32 as uint8" in found.text
    assert "architecture faceapi-tiny-yolov2" in found.text


@pytest.mark.shared
def test_parts_of_a_published_file_are_told(shared: Path) -> None:
    path = shared / "models" / "mmod_rear_end_vehicle_detector.dat.bz2"
    text = describe_file(str(path)).text
    assert "architecture dlib-mmod-rear-vehicle" in text
    assert "shape predictor of 4 points" in text


def test_several_files_are_told_and_failures_counted(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect([str(network), "dlib-hog-frontal"]) == 0
    assert "HOG detector of 5 filter banks" in capsys.readouterr().out
    assert inspect(["nobody", str(network)]) == 1
    printed = capsys.readouterr()
    assert "no model or file 'nobody'" in printed.err
    assert "architecture dlib-face-resnet" in printed.out
    with pytest.raises(ModelNotFound):
        describe_file(str(tmp_path))
