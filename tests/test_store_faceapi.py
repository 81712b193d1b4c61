"""Models of several files: where they are found, pulled, verified and loaded from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import phiz
from phiz import builders_faceapi, errors, store, zoo
from phiz.builders_faceapi import TFJS_BUILDERS
from phiz.exporting import export
from phiz.formats.tfjs import read_tfjs
from phiz.inspecting import describe_file
from phiz.models.faceapi_input import FaceNetOptions
from phiz.nets import TFJS_ARCHITECTURES
from tests.sources import MadeModel, made_faceapi, need_faceapi

NAME = "faceapi-landmarks-68-tiny"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeModel:
    """A model with random weights in a folder, and a zoo that knows it."""
    model = made_faceapi(tmp_path / "made", NAME)
    known = {**zoo.ZOO, NAME: model.entry}
    for module in (zoo, builders_faceapi):
        monkeypatch.setattr(module, "ZOO", known)
    return model


def test_every_architecture_has_a_builder_and_an_entry() -> None:
    entries = {entry.name: entry for entry in zoo.ZOO.values() if entry.format == "tfjs"}
    assert set(TFJS_BUILDERS) == set(TFJS_ARCHITECTURES) == set(entries)


@pytest.mark.parametrize("place", store.NODE_FOLDERS)
def test_files_are_found_where_packages_put_them(
    place: str, made: MadeModel, nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.locate(made.entry) is None
    root = made.folder.with_name("root")
    shutil.copytree(made.folder, root / place)
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(root))
    manifest = root / place / made.entry.file
    assert store.require(made.entry) == store.Located(manifest, "PHIZ_MODEL_DIR")
    manifest.with_name(made.entry.revisions[0].files[-1].name).unlink()
    assert store.locate(made.entry) is None


def test_missing_files_say_how_to_get_them(made: MadeModel, nothing_installed: Path) -> None:
    with pytest.raises(errors.ModelNotFound, match=f"phiz models pull {NAME}\n"):
        phiz.load(NAME)
    with pytest.raises(errors.ModelNotFound, match="phiz models import FOLDER"):
        phiz.load("face_landmark_68_tiny_model")


def test_names_manifests_and_folders_are_the_same_model(
    made: MadeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(made.folder))
    joined = tmp_path / "joined"
    joined.mkdir()
    said = json.loads((made.folder / made.entry.file).read_text())
    data = b"".join((made.folder / name).read_bytes() for name in said[0]["paths"])
    (joined / "all.bin").write_bytes(data)
    said[0]["paths"] = ["all.bin"]
    (joined / "renamed-weights_manifest.json").write_text(json.dumps(said, indent=1))
    places = [NAME, "face_landmark_68_tiny_model", made.entry.file, made.folder, joined]
    places += [made.folder / made.entry.file, joined / "renamed-weights_manifest.json"]
    found = [phiz.load(place) for place in places]
    assert {model.name for model in found} == {NAME}
    assert {model.identity for model in found} == {f"{NAME}:{made.digest[:16]}"}
    assert found[0].scheme == "ibug-68"
    text = describe_file(str(joined / "renamed-weights_manifest.json")).text
    assert f"weights {made.digest}, those of {NAME}" in text


def test_weights_of_nobody_are_what_they_fit(made: MadeModel) -> None:
    shard = made.folder / made.entry.revisions[0].files[-1].name
    content = bytearray(shard.read_bytes())
    content[-4] ^= 1
    shard.write_bytes(content)
    model = phiz.load(made.folder)
    assert model.name == made.entry.file
    assert made.digest[:16] not in model.identity
    with pytest.raises(errors.OptionError, match="takes no options"):
        phiz.load(made.folder, options=FaceNetOptions(255))
    said = json.loads((made.folder / made.entry.file).read_text())
    said[0]["weights"][-1]["name"] = "nobody's"
    (made.folder / made.entry.file).write_text(json.dumps(said))
    with pytest.raises(errors.FormatError, match=f"as {NAME}, which fits best"):
        phiz.load(made.folder)


def test_damage_under_a_known_name_is_told(
    made: MadeModel, monkeypatch: pytest.MonkeyPatch, nothing_installed: Path
) -> None:
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(made.folder))
    shard = made.folder / made.entry.revisions[0].files[1].name
    content = shard.read_bytes()
    shard.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(errors.IntegrityError, match=f"is not that of {NAME}"):
        phiz.load(NAME)
    shard.write_bytes(content[:-1])
    with pytest.raises(errors.FormatError, match="bytes of tensors"):
        phiz.load(NAME)


def test_a_folder_must_have_one_manifest(made: MadeModel, tmp_path: Path) -> None:
    with pytest.raises(errors.ModelNotFound, match="found none"):
        phiz.load(tmp_path)
    shutil.copy(made.folder / made.entry.file, made.folder / "other-weights_manifest.json")
    with pytest.raises(errors.ModelNotFound, match=r"other-weights_manifest\.json"):
        phiz.load(made.folder)


def served_entry(root: str, made: MadeModel) -> zoo.Entry:
    revision = made.entry.revisions[0]
    names = tuple(file.name for file in revision.files)
    source = zoo.Source(f"{root}/", revision.size, git_blob=(None,) * len(names), parts=names)  # type: ignore[arg-type]
    return replace(made.entry, revisions=(replace(revision, sources=(source,)),))


def test_all_files_are_downloaded_and_checked(
    made: MadeModel, nothing_installed: Path, served: tuple[str, Path]
) -> None:
    root, folder = served
    shutil.copytree(made.folder, folder, dirs_exist_ok=True)
    entry = served_entry(root, made)
    steps: list[tuple[int, int | None]] = []
    found = store.pull(entry, lambda done, size: steps.append((done, size)))
    assert found == store.Located(nothing_installed / "weights" / entry.file, "cache")
    assert store.pull(entry) == found
    done = [step[0] for step in steps]
    assert done == sorted(done)
    assert steps[-1] == (entry.size, entry.size)
    assert phiz.load(NAME).identity == f"{NAME}:{made.digest[:16]}"
    for file in entry.revisions[0].files:
        assert store.sha256_of(found.path.with_name(file.name).read_bytes()) == file.sha256


@pytest.mark.parametrize("damage", ["changed", "longer", "missing"])
def test_of_a_download_that_is_wrong_nothing_is_kept(
    damage: str, made: MadeModel, nothing_installed: Path, served: tuple[str, Path]
) -> None:
    root, folder = served
    shutil.copytree(made.folder, folder, dirs_exist_ok=True)
    last = folder / made.entry.revisions[0].files[-1].name
    content = last.read_bytes()
    if damage == "missing":
        last.unlink()
    else:
        last.write_bytes(content[:-1] + b"?" if damage == "changed" else content + b"?")
    wanted = errors.DownloadError if damage == "missing" else errors.IntegrityError
    with pytest.raises(wanted):
        store.pull(served_entry(root, made))
    kept = nothing_installed / "weights"
    assert not kept.exists() or list(kept.iterdir()) == []


def test_an_interrupted_copy_leaves_nothing(made: MadeModel, own_cache: Path) -> None:
    def interrupted() -> Iterator[tuple[str, bytes]]:
        yield made.entry.file, b"[]"
        yield "shard", b"numbers"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.keep(made.entry, interrupted())  # type: ignore[arg-type]
    assert list((own_cache / "weights").iterdir()) == []


def test_licences_and_formats_that_do_not_fit_are_refused(
    made: MadeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(errors.OptionError, match="found a tfjs manifest"):
        export(made.folder / made.entry.file, "onnx", tmp_path / "out.onnx")
    monkeypatch.setenv("PHIZ_COMMERCIAL_ONLY", "1")
    for place in (NAME, made.folder):
        with pytest.raises(errors.LicenceError, match="commercial use is unclear"):
            phiz.load(place)


@pytest.mark.parametrize("name", TFJS_ARCHITECTURES)
def test_published_models_load(name: str) -> None:
    manifest = need_faceapi(TFJS_ARCHITECTURES[name].file)
    entry, model = zoo.ZOO[name], phiz.load(manifest)
    assert model.name == name
    assert model.identity == f"{name}:{read_tfjs(manifest).digest[:16]}"
    wanted: dict[str, Any] = {"input": entry.chip, "labels": entry.labels, "scheme": entry.scheme}
    if entry.kind.endswith("-detector"):
        wanted = {"options": type(model.options)()}
    assert {key: getattr(model, key) for key, value in wanted.items() if value} == {
        key: value for key, value in wanted.items() if value
    }
    with pytest.raises(errors.OptionError):
        phiz.load(manifest, options=3)
