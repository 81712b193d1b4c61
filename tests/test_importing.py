"""Weight files brought into the cache: known by name or content, checked, copied whole."""

from __future__ import annotations

import bz2
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phiz import builders_faceapi, importing, store, zoo
from phiz.importing import import_folder
from tests.sources import MadeModel, made_faceapi, weight_file
from tests.test_cli import run

FIVE, HOG = (zoo.ZOO[name] for name in ("dlib-landmarks-5", "dlib-hog-frontal"))
TINY = "faceapi-landmarks-68-tiny"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> MadeModel:
    """A model with random weights, deep in a folder; the cache is empty."""
    monkeypatch.delenv("PHIZ_MODEL_DIR", raising=False)
    model = made_faceapi(tmp_path / "from" / "a" / "b", TINY)
    know(monkeypatch, model.entry)
    return model


def know(monkeypatch: pytest.MonkeyPatch, entry: zoo.Entry) -> None:
    """Have the zoo know this entry instead of its own."""
    for module in (zoo, importing, builders_faceapi):
        monkeypatch.setattr(module, "ZOO", {**zoo.ZOO, entry.name: entry})


def outcomes(folder: Path) -> dict[str | None, str]:
    return {each.name: each.outcome for each in import_folder(folder)}


def test_known_files_are_copied_whatever_they_are_called(
    made: MadeModel, own_cache: Path, tmp_path: Path, capsys: Any
) -> None:
    root, hog, five = tmp_path / "from", weight_file(HOG.name), weight_file(FIVE.name)
    shutil.copy(hog, root / "detector.bin")
    (root / f"{FIVE.file}.bz2").write_bytes(bz2.compress(five.read_bytes()))
    (root / "notes.json").write_text("{}")
    (root / "x-weights_manifest.json").write_text("[]")  # somebody else's
    code, out, err = run(capsys, "models", "import", root)
    assert code == 0
    assert err == ""
    assert [line.split(",")[0] for line in out.splitlines()] == [
        "dlib-hog-frontal: imported", "dlib-landmarks-5: imported", f"{TINY}: imported",
    ]  # fmt: skip
    kept = own_cache / "weights"
    assert (kept / HOG.file).read_bytes() == hog.read_bytes()
    assert (kept / FIVE.file).read_bytes() == five.read_bytes()
    names = {HOG.file, FIVE.file, *(file.name for file in made.entry.revisions[0].files)}
    assert {path.name for path in kept.iterdir()} == names
    assert store.require(made.entry).origin == "cache"
    code, out, _ = run(capsys, "models", "import", root, "--json")
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert {record["outcome"] for record in records} == {"already here"}
    assert records[2] == {
        "schema": 1,
        "path": str(made.folder / made.entry.file),
        "name": TINY,
        "outcome": "already here",
        "revision": "made",
        "error": None,
    }


def test_damaged_and_unreadable_files_are_refused_and_the_rest_goes_on(
    made: MadeModel, own_cache: Path, tmp_path: Path, capsys: Any
) -> None:
    root = tmp_path / "from"
    shutil.copy(weight_file(HOG.name), root / HOG.file)
    (root / f"{FIVE.file}.bz2").write_bytes(bz2.compress(b"something")[:-3])
    (root / FIVE.file).write_bytes(b"something else")
    (made.folder / made.entry.revisions[0].files[1].name).unlink()
    (root / "shape_predictor_68_face_landmarks.dat").symlink_to(root / "nowhere")
    code, out, _ = run(capsys, "models", "import", root)
    assert code == 1
    lines = sorted(out.splitlines())
    assert [line.split(", ")[0].split(" /")[0] for line in lines] == [
        "dlib-hog-frontal: imported",
        "dlib-landmarks-5: refused:",
        "dlib-landmarks-5: refused:",
        f"{TINY}: refused:",
    ]
    assert "the end of the .bz2 data" in lines[1]
    assert "is not that of dlib-landmarks-5" in lines[2]
    assert "shard1 beside it, found none" in lines[3]
    assert [path.name for path in (own_cache / "weights").iterdir()] == [HOG.file]


def test_folders_without_weights_do_not_start(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "unknown.dat").write_bytes(b"something")
    (tmp_path / "unknown.dat.bz2").write_bytes(bz2.compress(b"something"))
    code, _, err = run(capsys, "models", "import", tmp_path)
    assert code == 2
    assert "no weight file in it that phiz knows" in err
    code, _, err = run(capsys, "models", "import", tmp_path / "unknown.dat")
    assert code == 2
    assert "is not a folder" in err


def test_links_that_go_round_end(made: MadeModel, tmp_path: Path) -> None:
    root = tmp_path / "from"
    (root / "a" / "up").symlink_to(root)
    (root / HOG.file).symlink_to(root / HOG.file)
    (root / FIVE.file).symlink_to(weight_file(FIVE.name))
    assert outcomes(root) == {FIVE.name: "imported", TINY: "imported"}


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_folders_that_cannot_be_searched_are_told(made: MadeModel, tmp_path: Path) -> None:
    closed = tmp_path / "from" / "closed"
    closed.mkdir(mode=0)
    found = list(import_folder(tmp_path / "from"))
    assert [(each.name, each.outcome) for each in found] == [(TINY, "imported"), (None, "refused")]
    assert found[1].file == closed


def test_a_manifest_cannot_choose_the_names_of_files(made: MadeModel, own_cache: Path) -> None:
    """Else one could overwrite another model's file, though its numbers are the right ones."""
    manifest = made.folder / made.entry.file
    said = json.loads(manifest.read_text())
    (made.folder / said[0]["paths"][0]).rename(made.folder / HOG.file)
    said[0]["paths"][0] = HOG.file
    manifest.write_text(json.dumps(said))
    (refused,) = [each for each in import_folder(made.folder) if each.name == TINY]
    assert refused.outcome == "refused"
    assert "its files have other names" in str(refused.reason)
    assert not (own_cache / "weights").exists()


def test_two_forms_of_a_model_are_one(made: MadeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = made.entry.revisions[0]
    said = json.loads((made.folder / made.entry.file).read_text())
    other = made.folder / "joined"
    other.mkdir()
    data = [(made.folder / name).read_bytes() for name in said[0]["paths"]]
    (other / "model.bin").write_bytes(b"".join(data))
    said[0]["paths"] = ["model.bin"]
    (other / made.entry.file).write_text(json.dumps(said))
    parts = tuple(
        zoo.PartFile(path.name, path.stat().st_size, store.sha256_of(path.read_bytes()))
        for path in (other / made.entry.file, other / "model.bin")
    )
    joined = replace(revision, name="joined", files=parts)
    know(monkeypatch, replace(made.entry, revisions=(revision, joined)))
    assert [each.outcome for each in import_folder(other)] == ["imported"]
    assert [each.outcome for each in import_folder(made.folder)] == ["already here"]  # told once


def test_damage_in_the_cache_is_mended(made: MadeModel, own_cache: Path) -> None:
    assert outcomes(made.folder) == {TINY: "imported"}
    shard = own_cache / "weights" / made.entry.revisions[0].files[2].name
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    assert outcomes(made.folder) == {TINY: "imported"}
    assert outcomes(own_cache) == {TINY: "already here"}


def test_newer_revisions_replace_older_ones(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"new": b"the new file", "old": b"the older file"}
    revisions = tuple(
        zoo.Revision(name, len(content), store.sha256_of(content))
        for name, content in contents.items()
    )
    entry = replace(HOG, name="test", file="test.svm", revisions=revisions)
    know(monkeypatch, entry)
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "test.svm").write_bytes(content)

    def told(name: str) -> list[tuple[str, str | None]]:
        return [(each.outcome, each.revision) for each in import_folder(tmp_path / name)]

    assert told("old") == [("imported", "old")]
    assert told("new") == [("imported", "new")]
    assert told("old") == [("already here", "new")]
    assert (own_cache / "weights" / "test.svm").read_bytes() == contents["new"]


def test_what_is_not_wanted_is_refused(
    made: MadeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "from" / FIVE.file).write_bytes(bytes(1 << 20))
    monkeypatch.setattr(store, "MOST_UNPACKED", 1 << 16)
    monkeypatch.setenv("PHIZ_COMMERCIAL_ONLY", "1")
    found = {each.name: each for each in import_folder(tmp_path / "from")}
    assert {each.outcome for each in found.values()} == {"refused"}
    assert "at most 65536 bytes, found 1048576" in str(found[FIVE.name].reason)
    assert "commercial use is unclear" in str(found[TINY].reason)


def test_a_cache_that_cannot_be_written_is_an_error(
    made: MadeModel, own_cache: Path, capsys: Any
) -> None:
    own_cache.write_text("no folder")
    with pytest.raises(OSError, match="cache"):
        list(import_folder(made.folder))
    assert run(capsys, "models", "import", made.folder)[0] == 2
