"""phiz attributes and phiz classify: what they print, and what happens to bad input."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import phiz
from phiz.cli import attributes, classify, detect
from phiz.errors import OptionError
from phiz.geometry import ChipSpec
from phiz.imaging import encode, read_image
from phiz.models.classifier import NetClassifier
from phiz.pipeline import Recipe, make_recipe
from tests.sources import need_faceapi
from tests.test_classifier import FACE, SIZE, classifier


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    (root / "deep").mkdir()
    (root / "astronaut.png").write_bytes(encode(pictures["astronaut.png"], ".png"))
    (root / "deep" / "hopper.png").write_bytes(encode(pictures["grace_hopper.jpg"], ".png"))
    (root / "blank.png").write_bytes(encode(np.zeros((60, 80, 3), np.uint8), ".png"))
    (root / "broken.jpg").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def found(folder: Path) -> list[Path]:
    names = ["astronaut.png", "blank.png", "broken.jpg", "deep/hopper.png"]
    return [folder / name for name in names]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return make_recipe("dlib-hog-frontal", "dlib-landmarks-5", None)


def named(model: NetClassifier, name: str) -> NetClassifier:
    model.name = name
    return model


@pytest.fixture(scope="module")
def models() -> list[NetClassifier]:
    return [named(classifier(FACE), "kind"), named(classifier(FACE, ages=True), "years")]


def test_attributes_follow_the_schema(
    capsys: Any, found: list[Path], recipe: Recipe, models: list[NetClassifier]
) -> None:
    code = attributes.search(found, recipe, models, as_json=True, as_csv=False)
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [record["path"] for record in records] == [str(path) for path in found]
    assert [len(record.get("faces", "none")) for record in records] == [1, 0, 4, 1]
    assert set(records[2]) == {"schema", "path", "error"}
    assert f"phiz: {found[2]}: not a picture in a format phiz reads" in err
    assert "2 faces in 3 pictures, 1 could not be read" in err
    for path, record in ((found[0], records[0]), (found[3], records[3])):
        (face,) = record["faces"]
        expected = phiz.analyze(path, descriptor=None)
        np.testing.assert_array_equal(np.array(face["box"], np.float32), expected.boxes[0])
        assert len(face["landmarks"]) == 5
        assert "descriptor" not in face
        assert expected.landmarks is not None
        chips = phiz.align(read_image(path), expected.landmarks, chip=FACE)
        kind, years = models[0](chips), models[1](chips)
        said = face["attributes"]
        assert said["kind"]["label"] == kind.top(1)[0][0][0]
        assert list(said["kind"]["scores"]) == list(kind.labels)
        # Six digits are printed.
        np.testing.assert_allclose(list(said["kind"]["scores"].values()), kind.probs[0], rtol=1e-5)
        assert years.age is not None
        assert said["years"]["age"] == pytest.approx(float(years.age[0]), rel=1e-5)
        assert said["years"]["years"] == round(said["years"]["age"])


def test_attributes_for_people_and_as_csv(
    capsys: Any, found: list[Path], recipe: Recipe, models: list[NetClassifier]
) -> None:
    attributes.search(found[:2], recipe, models, as_json=False, as_csv=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{found[0]}: 1 face"
    assert re.fullmatch(r"  \d+ \d+ \d+ \d+  score \d\.\d+  front", lines[1])
    assert re.fullmatch(r"    kind: label \d, of 4 [01]\.\d{3}", lines[2])
    assert re.fullmatch(r"    years: about \d years \(mean \d\.\d\)", lines[3])
    assert lines[4:] == [f"{found[1]}: no faces"]
    code = attributes.search(found, recipe, models, as_json=False, as_csv=True)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert code == 1
    assert [row["path"] for row in rows] == [str(found[0]), str(found[3])]
    assert list(rows[0])[-4:] == ["kind", "kind score", "years", "years score"]
    assert rows[0]["kind"].startswith("label ")
    assert 0 <= float(rows[0]["years"]) <= 3


def test_models_that_the_options_ask_for() -> None:
    def chosen(*asked: str, family: str = "cydral", others: tuple[str, ...] = ()) -> list[str]:
        options = {name: name in asked for name in ("gender", "age", "expressions")}
        return attributes.chosen(**options, family=family, others=others)

    both = ["cydral-gender-v1", "cydral-age-v1"]
    assert chosen() == both
    assert chosen("age") == both[1:]
    assert chosen("gender", others=("x", both[0])) == [both[0], "x"]
    assert chosen(others=("x",)) == ["x"]
    assert chosen("age", "gender", family="faceapi") == ["faceapi-age-gender"]
    assert chosen("expressions") == ["faceapi-expression"]


def test_landmarks_suit_every_model() -> None:
    assert attributes.landmarks_for(["cydral-gender-v1", "x.dat"]) == "dlib-landmarks-5"
    assert attributes.landmarks_for(["x", "faceapi-expression"]) == "faceapi-landmarks-68"


def test_models_of_the_wrong_kind_are_refused(recipe: Recipe) -> None:
    with pytest.raises(OptionError, match="classifier of faces, found HogDetector"):
        attributes.face_classifier(recipe.detector)
    with pytest.raises(OptionError, match="use 'phiz classify'"):
        attributes.face_classifier(classifier())
    with pytest.raises(OptionError, match="classifier of pictures, found HogDetector"):
        classify.picture_classifier(recipe.detector, 1)
    with pytest.raises(OptionError, match=r"use 'phiz attributes'$"):
        classify.picture_classifier(classifier(FACE), 1)
    with pytest.raises(OptionError, match="or --crops random"):
        classify.picture_classifier(classifier(FACE, crops=(1, "random")), 1)
    with pytest.raises(OptionError, match="small takes 1, found 10"):
        classify.picture_classifier(classifier(FACE), 10)
    with pytest.raises(OptionError, match="wanted 1, 10 or random, found '5'"):
        classify.crops_of("5")


@pytest.mark.parametrize("crops", [1, 10, "random"])
def test_classify_prints_the_best_labels(capsys: Any, found: list[Path], crops: Any) -> None:
    model = classifier()
    scored = classify.classified(found, model, crops=crops, seed=3)
    code = classify.show(scored, model, len(found), top=2, as_json=True, as_csv=False)
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [record["path"] for record in records] == [str(path) for path in found]
    assert "not a picture" in records[2]["error"]
    assert (records[1]["width"], records[1]["height"]) == (80, 60)
    assert "phiz: 3 pictures, 1 could not be read" in err
    for path, record in ((found[0], records[0]), (found[3], records[3])):
        (best,) = model(read_image(path), crops=crops, seed=3).top(2)
        assert [item["label"] for item in record["labels"]] == [label for label, _ in best]
        scores = [item["score"] for item in record["labels"]]
        assert scores == pytest.approx([score for _, score in best], rel=1e-5)


def test_classify_for_people_and_as_csv(capsys: Any, found: list[Path]) -> None:
    model = classifier()
    scored = classify.classified(found[:1], model)
    assert classify.show(scored, model, 1, top=3, as_json=False, as_csv=False) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"{found[0]}:"
    assert re.fullmatch(r"(  [01]\.\d{4}  label \d, of 4\n){3}", out.split("\n", 1)[1])
    assert err == ""
    scored = classify.classified(found, model)
    classify.show(scored, model, len(found), top=2, as_json=False, as_csv=True)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["rank"] for row in rows] == ["0", "1"] * 3
    assert float(rows[0]["score"]) >= float(rows[1]["score"])


def test_a_picture_too_small_to_cut_is_reported(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "dot.png"
    path.write_bytes(encode(np.zeros((2, 2, 3), np.uint8), ".png"))
    model = classifier()
    scored = classify.classified([path], model, crops="random")
    assert classify.show(scored, model, 1, top=1, as_json=False, as_csv=False) == 1
    assert f"phiz: {path}: random crops: wanted a picture of at least 3 x 3" in (
        capsys.readouterr().err
    )


def test_what_cannot_start_says_why() -> None:
    for command in (attributes.main, classify.main):
        with pytest.raises(OptionError, match="either --json or --csv"):
            command([Path("x.png")], as_json=True, as_csv=True)
    with pytest.raises(phiz.errors.ModelNotFound, match="no model or file 'nobody'"):
        classify.main([Path("x.png")], model="nobody")
    for module in (attributes, classify):
        assert f"Example: phiz {module.NAME} " in module.HELP


@pytest.mark.shared
def test_real_weights_by_path(capsys: Any, shared: Path, folder: Path) -> None:
    weights = shared / "models" / "dnn_gender_classifier_v1.dat.bz2"
    code = attributes.main([folder / "deep"], model=[str(weights)], as_json=True)
    (record,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    ((name, said),) = record["faces"][0]["attributes"].items()
    assert name == "cydral-gender-v1"
    image = read_image(folder / "deep" / "hopper.png")
    landmarks = np.array(record["faces"][0]["landmarks"], np.float32)
    chip = phiz.align(image, landmarks, chip=ChipSpec("dlib", 32, 0.2))
    ((label, score),) = phiz.load(weights)(chip).top(1)[0]
    assert (said["label"], said["score"]) == (label, pytest.approx(score, rel=1e-5))
    assert list(said["scores"]) == ["female", "male"]


def test_chips_are_cut_as_each_model_wants(capsys: Any, found: list[Path], recipe: Recipe) -> None:
    wide = named(classifier(ChipSpec("dlib", SIZE, 0.8)), "wide")
    narrow = named(classifier(FACE), "narrow")
    attributes.search(found[:1], recipe, [wide, narrow], as_json=True, as_csv=False)
    said = json.loads(capsys.readouterr().out)["faces"][0]["attributes"]
    assert said["wide"]["scores"] != said["narrow"]["scores"]


@pytest.mark.shared
def test_what_is_found_has_its_name(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, shared: Path
) -> None:
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(shared / "models"))
    street = shared / "golden" / "dlib" / "mmod" / "in_synth.png"
    assert detect.main([street], detector="dlib-mmod-rear-vehicle") == 0
    assert capsys.readouterr().out.startswith(f"{street}: 3 vehicles\n")


def test_the_other_family(capsys: Any, monkeypatch: pytest.MonkeyPatch, found: list[Path]) -> None:
    manifest = need_faceapi("age_gender_model")
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(manifest.parent))
    asked: dict[str, Any] = {"gender": True, "expressions": True, "family": "faceapi"}
    assert attributes.main(found[:2], as_json=True, **asked) == 0
    (face,), no_faces = (json.loads(line)["faces"] for line in capsys.readouterr().out.splitlines())
    assert no_faces == []
    said, expression = face["attributes"].values()
    assert list(face["attributes"]) == ["faceapi-age-gender", "faceapi-expression"]
    assert said["label"] == "female"
    assert 15 < said["age"] < 60
    assert said["years"] == round(said["age"])
    assert expression["label"] == "happy"
    assert sum(expression["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert attributes.main(found[:1], as_csv=True, **asked) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["faceapi-age-gender"] == "female"
    assert float(row["faceapi-age-gender age"]) == said["age"]
    assert row["faceapi-expression"] == "happy"


def test_a_model_that_does_something_else_is_refused() -> None:
    with pytest.raises(OptionError, match="wanted a detector, found ForestLandmarker"):
        make_recipe("dlib-landmarks-5")
    with pytest.raises(OptionError, match="wanted a landmark model, found HogDetector"):
        make_recipe("dlib-hog-frontal", "dlib-hog-frontal")
