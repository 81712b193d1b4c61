"""Files as dlib has them come back byte for byte, and dlib itself reads what was changed."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.formats.dlib_fhog_write import write_fhog_detector
from phiz.formats.dlib_net import Match, read_net, search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.formats.dlib_shape_write import write_shape_predictor
from phiz.formats.dlib_write import write_match, write_net
from phiz.graph.arch import Arch, LayerParams
from phiz.graph.layers import (
    Con,
    InputPyramid,
    LossMmod,
    Relu,
)
from phiz.imaging import read_image
from phiz.nets import ARCHITECTURES
from tests.oracle import boxes_of, points_of
from tests.sources import weight_file


def read(data: bytes, name: str | None = None) -> Match:
    wanted = [ARCHITECTURES[name]] if name else ARCHITECTURES.values()
    return search_architectures(data, "written", wanted)


def layer(kind: str, **arrays: np.ndarray) -> LayerParams:
    return LayerParams(kind, {k: v.astype(np.float32) for k, v in arrays.items()}, {})


GOLDEN = {
    "age/age_pattern_bn_v1924.dat.xz": "cydral-age",
    "dlib20/age/age_pattern_v20099.dat.xz": "cydral-age",
    "dcgan/dcgan_162x162_synth_faces_pattern.dnn.xz": "cydral-dcgan",
    "hipsterizer/mmod_dog_hipsterizer_pattern.dat.xz": "dlib-mmod-dog",
    "dlib20/hipsterizer/mmod_dog_hipsterizer_pattern.dat.xz": "dlib-mmod-dog",
    "colorify/highres_colorify_pattern.dnn.xz": "cydral-colorify",
    "dlib20/resnet34_stable/resnet34_stable_imagenet_1k_pattern.dat.xz": "cydral-resnet34-stable",
    "dlib20/vit_s16/vit-s-16_stable_imagenet_1k_pattern.dat.xz": "cydral-vit-s16",
    "dlib20/res50_ssl_cifar10/res50_self_supervised_cifar_10_pattern.dat.xz": "cydral-resnet50-ssl",
}
PUBLISHED = {
    "dnn_gender_classifier_v1.dat.bz2": "cydral-gender",
    "face_recognition_densenet_model_std_v1.dat": "barel-face-densenet",
    "face_recognition_densenet_model_v1.dat.bz2": "barel-face-densenet",
    "mmod_front_and_rear_end_vehicle_detector.dat.bz2": "dlib-mmod-vehicle",
    "mmod_human_face_detector_dlib-models.dat.bz2": "dlib-mmod-human",
    "mmod_rear_end_vehicle_detector.dat.bz2": "dlib-mmod-rear-vehicle",
}


def unpacked(path: Path) -> bytes:
    opener: dict[str, Callable[[bytes], bytes]] = {
        ".bz2": bz2.decompress,
        ".xz": lzma.decompress,
    }
    return opener.get(path.suffix, bytes)(path.read_bytes())


@pytest.mark.shared
@pytest.mark.parametrize("file", PUBLISHED)
def test_published_files_come_back_byte_for_byte(shared: Path, file: str) -> None:
    data = unpacked(shared / "models" / file)
    assert write_match(read(data, PUBLISHED[file])) == data


@pytest.mark.shared
@pytest.mark.parametrize("file", GOLDEN)
def test_files_of_the_cpp_library_come_back_byte_for_byte(shared: Path, file: str) -> None:
    data = unpacked(shared / "golden" / "dlib" / file)
    assert write_match(read(data, GOLDEN[file])) == data


@pytest.mark.shared
@pytest.mark.parametrize("windows", ["one", "two"])
@pytest.mark.parametrize("kind", ["plain", "bbr"])
def test_newest_detector_options_come_back_byte_for_byte(
    shared: Path, kind: str, windows: str
) -> None:
    """Box regression needs four more output planes per window.  The files are of dlib's trainer."""
    name = f"{kind}_{windows}_label{'s' if windows == 'two' else ''}.dat"
    data = (shared / "golden" / "dlib" / "train" / "loss_mmod" / name).read_bytes()
    planes = (1 if windows == "one" else 2) * (5 if kind == "bbr" else 1)
    layers = (Con(4, 5, stride=2), Relu(), Con(planes, 3))
    arch = Arch("golden", InputPyramid(), layers, LossMmod())
    cursor = Cursor(data, name)
    params = read_net(cursor, arch)
    cursor.end("the network")
    assert params.loss["options"].regression == (kind == "bbr")
    written = write_net(arch, params)
    kept = [have.meta["x_grad"].size + have.meta["cached_output"].size for have in params.layers]
    assert (written == data) == (sum(kept) == 0)
    again = read_net(Cursor(written, name), arch)
    assert again.loss == params.loss
    for have, expected in zip(again.layers, params.layers, strict=True):
        for key, array in expected.arrays.items():
            np.testing.assert_array_equal(have.arrays[key], array)


@pytest.mark.parametrize("name", ["dlib-face-resnet-v1", "dlib-mmod-human"])
def test_packaged_networks_come_back_byte_for_byte(name: str) -> None:
    data = weight_file(name).read_bytes()
    assert write_match(read(data)) == data


def test_packaged_detectors_and_predictors_come_back_byte_for_byte() -> None:
    data = weight_file("dlib-hog-frontal").read_bytes()
    assert write_fhog_detector(read_fhog_detector(Cursor(data, "svm"))) == data
    for name in ("dlib-landmarks-5", "dlib-landmarks-68"):
        data = weight_file(name).read_bytes()
        assert write_shape_predictor(read_shape_predictor(Cursor(data, name))) == data


_NEWEST = {"con_4": "con_6", "fc_2": "fc_3", "relu_": "relu_2", "affine_": "affine_2"}


def renewed(have: LayerParams) -> LayerParams:
    """Return a layer as the newest dlib writes it, batch normalisation as a scale and shift."""
    if have.kind != "bn_con2":
        return LayerParams(_NEWEST.get(have.kind, have.kind), have.arrays, {})
    gamma, beta, mean, variance = (
        have.arrays[key].astype(np.float64) for key in ("gamma", "beta", "mean", "variance")
    )
    gamma = gamma / np.sqrt(variance + have.meta["eps"])
    return layer("affine_2", gamma=gamma, beta=beta - gamma * mean)


@pytest.mark.oracle
def test_dlib_reads_changed_and_renewed_descriptor_networks(
    dlib: Any, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    path = weight_file("dlib-face-resnet-v1")
    match = read(path.read_bytes(), "dlib-face-resnet")
    image = pictures["astronaut.png"]
    box = dlib.get_frontal_face_detector()(image)[0]
    parts = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))(image, box)

    def describe(file: Path) -> np.ndarray:
        return np.array(
            dlib.face_recognition_model_v1(str(file)).compute_face_descriptor(image, parts)
        )

    expected = describe(path)
    *rest, last = (renewed(have) for have in match.params.layers)
    for factor in (1.0, 2.0):  # twice the weights give exactly twice the numbers
        doubled = replace(last, arrays={"weight": last.arrays["weight"] * np.float32(factor)})
        params = replace(match.params, layers=(*rest, doubled))
        (tmp_path / "net.dat").write_bytes(write_net(match.arch, params))
        np.testing.assert_array_equal(describe(tmp_path / "net.dat"), factor * expected)


def compare_detectors(dlib: Any, match: Match, image: np.ndarray, folder: Path) -> int:
    """Compare dlib's boxes of a network as it was and with newer layers; returns how many."""
    layers = tuple(renewed(have) for have in match.params.layers)
    answers = []
    for params in (match.params, replace(match.params, layers=layers)):
        (folder / "net.dat").write_bytes(write_net(match.arch, params))
        answers.append(list(dlib.cnn_face_detection_model_v1(str(folder / "net.dat"))(image, 0)))
    boxes = [boxes_of([det.rect for det in answer]) for answer in answers]
    scores = [[det.confidence for det in answer] for answer in answers]
    np.testing.assert_array_equal(boxes[0], boxes[1])
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)  # folding rounds: 1e-5 is seen
    return len(answers[0])


@pytest.mark.oracle
def test_dlib_reads_a_renewed_face_detector(
    dlib: Any, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    match = read(weight_file("dlib-mmod-human").read_bytes(), "dlib-mmod-human")
    image = np.ascontiguousarray(pictures["astronaut.png"][20:220, 120:320])
    assert compare_detectors(dlib, match, image, tmp_path) == 1


@pytest.mark.oracle
@pytest.mark.shared
@pytest.mark.parametrize("file", [name for name in PUBLISHED if "vehicle" in name])
def test_dlib_reads_renewed_vehicle_detectors(
    dlib: Any, shared: Path, file: str, tmp_path: Path
) -> None:
    """dlib's class for faces runs any detector of this shape."""
    match = read(unpacked(shared / "models" / file), PUBLISHED[file])
    image = read_image(shared / "golden" / "dlib" / "mmod" / "in_synth.png")
    assert compare_detectors(dlib, match, image, tmp_path) >= 1


@pytest.mark.oracle
def test_dlib_reads_a_changed_shape_predictor(
    dlib: Any, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """A mean shape and leaves of half the size, about the box's centre."""
    forest = read_shape_predictor(Cursor(weight_file("dlib-landmarks-5").read_bytes(), "five"))
    zero = replace(forest, leaves=np.zeros_like(forest.leaves))
    path = tmp_path / "five.dat"
    path.write_bytes(write_shape_predictor(zero))
    points = points_of(dlib.shape_predictor(str(path))(
        pictures["astronaut.png"], dlib.rectangle(100, 50, 299, 249)
    ))  # fmt: skip
    np.testing.assert_array_equal(points, np.floor((100, 50) + 199 * forest.initial + 0.5))


@pytest.mark.oracle
def test_dlib_reads_a_changed_hog_detector(
    dlib: Any, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    value = read_fhog_detector(Cursor(weight_file("dlib-hog-frontal").read_bytes(), "svm"))
    lower = replace(value, thresholds=value.thresholds - 0.5)
    plain, simple_file = tmp_path / "plain.svm", tmp_path / "simple.svm"
    plain.write_bytes(write_fhog_detector(lower))
    simple_file.write_bytes(write_fhog_detector(lower, upsampling=1))
    image = pictures["grace_hopper.jpg"]
    boxes, scores, sub = dlib.get_frontal_face_detector().run(image, 0, -0.5)
    found = dlib.fhog_object_detector(str(plain)).run(image, 0, 0.0)
    np.testing.assert_array_equal(boxes_of(found[0]), boxes_of(boxes))
    np.testing.assert_allclose(found[1], np.add(scores, 0.5), atol=1e-6)
    assert list(found[2]) == list(sub)
    assert len(dlib.simple_object_detector(str(simple_file))(image)) >= 1
