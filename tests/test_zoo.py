"""The table of models: complete, consistent, and honest about what nobody here could check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from phiz import store
from phiz.errors import LicenceError
from phiz.graph.arch import Layout
from phiz.models.faceapi_classifier import EXPRESSIONS, GENDERS
from phiz.nets import ARCHITECTURES, TFJS_ARCHITECTURES
from phiz.zoo import ZOO, find_entry
from tests.sources import need_faceapi

NAMES = [
    "dlib-hog-frontal",
    "dlib-mmod-human",
    "dlib-mmod-dog",
    "dlib-mmod-rear-vehicle",
    "dlib-mmod-vehicle",
    "dlib-landmarks-5",
    "dlib-landmarks-68",
    "dlib-landmarks-68-gtx",
    "dlib-landmarks-dog",
    "dlib-face-resnet-v1",
    "taguchi-face-resnet-v1",
    "barel-face-densenet-v1",
    "cydral-gender-v1",
    "cydral-age-v1",
    "taguchi-gender-v1",
    "dlib-imagenet-resnet34",
    "dlib-imagenet-resnet50",
    "cydral-dcgan-faces",
    "cydral-colorify",
    "faceapi-ssd-mobilenetv1",
    "faceapi-tiny",
    "faceapi-tiny-yolov2",
    "faceapi-mtcnn",
    "faceapi-landmarks-68",
    "faceapi-landmarks-68-tiny",
    "faceapi-face-resnet",
    "faceapi-expression",
    "faceapi-age-gender",
]
FACEAPI = [name for name in NAMES if name.startswith("faceapi-")]


def test_every_model_has_its_name() -> None:
    assert sorted(ZOO) == sorted(NAMES)
    assert all(name == entry.name for name, entry in ZOO.items())


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_consistent(name: str) -> None:
    entry = ZOO[name]
    found = find_entry(entry.file)
    assert found is not None
    assert found.file == entry.file
    assert entry.licence.evidence.startswith("https://")
    assert entry.licence.training_data
    assert entry.limits
    assert entry.summary
    if entry.architecture and entry.format == "dlib":
        made = ARCHITECTURES[entry.architecture]()
        assert made.name == entry.architecture
    if entry.kind == "descriptor":
        assert entry.threshold
        assert entry.threshold_source
        assert entry.chip
    if entry.labels and entry.kind == "classifier" and entry.format == "dlib":
        made = ARCHITECTURES[entry.architecture or ""]()
        assert not isinstance(made, Layout)
        assert getattr(made.layers[-1], "outputs", None) == len(entry.labels)
    for revision in entry.revisions:
        assert revision.sha256 is None or re.fullmatch("[0-9a-f]{64}", revision.sha256)
        for source in revision.sources:
            assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)
            blobs = source.git_blob if isinstance(source.git_blob, tuple) else (source.git_blob,)
            assert len(blobs) == max(1, len(source.parts))
            assert all(re.fullmatch("[0-9a-f]{40}", blob or "") for blob in blobs)


def test_what_its_owner_keeps_from_commerce_is_refused() -> None:
    refused = set()
    for entry in ZOO.values():
        try:
            store.allow_licence(entry, commercial_only=True)
        except LicenceError as error:
            refused.add(entry.name)
            assert entry.name in str(error)
            assert entry.licence.evidence in str(error)
    unclear = {"cydral-dcgan-faces", *FACEAPI}
    assert refused == {"dlib-landmarks-68", "dlib-landmarks-68-gtx", *unclear}


@pytest.mark.parametrize(
    ("name", "file", "revision"),
    [
        ("dlib-mmod-human", "mmod_human_face_detector_dlib-models.dat.bz2", "dlib-models"),
        ("dlib-mmod-rear-vehicle", "mmod_rear_end_vehicle_detector.dat.bz2", "dlib-models"),
        ("dlib-mmod-vehicle", "mmod_front_and_rear_end_vehicle_detector.dat.bz2", "dlib-models"),
        ("barel-face-densenet-v1", "face_recognition_densenet_model_v1.dat.bz2", "v1"),
        ("barel-face-densenet-v1", "face_recognition_densenet_model_std_v1.dat", "std_v1"),
        ("cydral-gender-v1", "dnn_gender_classifier_v1.dat.bz2", "dlib-models"),
    ],
)
def test_original_files_are_known_revisions(
    shared: Path, name: str, file: str, revision: str
) -> None:
    path = shared / "models" / file
    assert store.verify(ZOO[name], store.file_digest(path), path) == revision
    known = next(r for r in ZOO[name].revisions if r.name == revision)
    assert len(store.read_weights(path)) == known.size
    for source in known.sources:
        store._check_packed(source, [path.read_bytes()])


@pytest.mark.parametrize("name", FACEAPI)
def test_an_entry_of_several_files_is_consistent(name: str) -> None:
    entry = ZOO[name]
    assert entry.format == "tfjs"
    assert entry.architecture == name
    assert entry.file == f"{TFJS_ARCHITECTURES[name].file}-weights_manifest.json"
    assert find_entry(TFJS_ARCHITECTURES[name].file) is entry
    assert len({revision.sha256 for revision in entry.revisions}) == 1  # cut otherwise, no more
    for revision in entry.revisions:
        assert revision.size == sum(file.size for file in revision.files)
        assert revision.files[0].name == entry.file
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in revision.files)
        for source in revision.sources:
            assert source.parts == tuple(file.name for file in revision.files)
            assert source.size == revision.size


def test_labels_of_face_api_are_those_of_its_models() -> None:
    assert ZOO["faceapi-expression"].labels == EXPRESSIONS
    assert ZOO["faceapi-age-gender"].labels == GENDERS


@pytest.mark.parametrize("name", FACEAPI)
def test_original_files_of_face_api_are_known_revisions(name: str) -> None:
    entry = ZOO[name]
    manifest = need_faceapi(TFJS_ARCHITECTURES[name].file)
    assert store.verify(entry, store.file_digest(manifest), manifest) == entry.revisions[0].name
    checked = 0
    for revision in entry.revisions:
        paths = [manifest.with_name(file.name) for file in revision.files]
        if not all(path.is_file() for path in paths):
            continue
        parts = [path.read_bytes() for path in paths]
        assert [len(part) for part in parts] == [file.size for file in revision.files]
        assert [store.sha256_of(part) for part in parts] == [file.sha256 for file in revision.files]
        for source in revision.sources:
            store._check_packed(source, parts)
        checked += 1
    assert checked == 1
