"""phiz eval: numbers, pages, names that are hostile, and the LFW test against dlib's own models."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.evaluation.curves import auc, curve_of, tar_at_far
from phiz.evaluation.faces import LFW_BOX
from phiz.evaluation.listings import lfw_pairs
from phiz.evaluation.trials import Trials
from phiz.imaging import read_image
from tests.sources import weight_file
from tests.test_cli import run
from tests.test_own_model import SPEC, network

HOSTILE = "<img src=x onerror=alert(1)>'\"&$_"


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Twelve people with four pictures each, and vectors of them in two files."""
    random = np.random.default_rng(0)
    names, rows = [], []
    for person in range(12):
        folder = tmp_path / "people" / (HOSTILE if person == 0 else f"person{person}")
        folder.mkdir(parents=True)
        middle = random.standard_normal(8)
        for number in range(4):
            Image.new("RGB", (40, 40), (20 * person, 60 * number, 90)).save(
                folder / f"{number}.png"
            )
            names.append(f"{folder.name}/{number}.png")
            rows.append(middle + 0.7 * random.standard_normal(8))
    np.save(tmp_path / "vectors.npy", np.array(rows, np.float32))
    (tmp_path / "names.txt").write_text("\n".join(names))
    return tmp_path


def given(root: Path) -> list[object]:
    return ["--vectors", root / "vectors.npy", "--names", root / "names.txt"]


def truth(root: Path) -> Trials:
    vectors = np.load(root / "vectors.npy").astype(np.float64)
    who = np.arange(48) // 4
    one, other = np.triu_indices(48, 1)
    distances = np.linalg.norm(vectors[one] - vectors[other], axis=1)
    return Trials(distances, who[one] == who[other], who[np.stack([one, other], axis=1)])


def test_a_folder_of_people_is_scored(capsys: Any, crowd: Path) -> None:
    pytest.importorskip("matplotlib")
    out = crowd / "report"
    options = [*given(crowd), "--threshold", 2.5, "--out", out, "--json"]
    code, text, err = run(capsys, "eval", "folder", crowd / "people", *options)
    assert code == 0, err
    found = json.loads(text)
    trials = truth(crowd)
    curve = curve_of(trials)
    assert found["genuine_pairs"] == 12 * 6
    assert found["impostor_pairs"] == 48 * 47 // 2 - 72
    assert found["auc"]["value"] == pytest.approx(auc(curve), abs=1e-4)
    assert found["auc"]["interval"][0] < found["auc"]["value"] < found["auc"]["interval"][1]
    exact = tar_at_far(curve, 0.1)
    assert exact is not None
    assert found["tar_at_far"]["0.1"]["value"] == pytest.approx(exact[0], abs=0.02)
    assert found["tar_at_far"]["0.0001"] == {
        "supported": False, "value": None, "interval": None, "threshold": None,
    }  # fmt: skip
    assert found["false_match_rate"]["value"] == pytest.approx((trials.impostor < 2.5).mean())
    assert found["false_non_match_rate"]["value"] == pytest.approx((trials.genuine >= 2.5).mean())
    page = (out / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror" in page
    assert page.count("data:image/svg+xml") == 3
    assert page.count("data:image/jpeg") == 2 * (20 + 20)
    assert "http" not in page.replace("http-equiv", "")
    record = json.loads((out / "report.json").read_text())
    assert record["models"][0]["auc"] == found["auc"]
    worst = record["models"][0]["hardest"]["Different people, nearest first"]
    assert worst[0]["distance"] == pytest.approx(trials.impostor.min())
    assert len(worst) == 20


def test_without_matplotlib_the_page_has_no_curves(
    capsys: Any, crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = crowd / "report"
    code, _, err = run(capsys, "eval", "folder", crowd / "people", *given(crowd), "--out", out)
    assert code == 0
    assert "pip install 'phiz[plots]'" in err
    page = (out / "report.html").read_text()
    assert "svg" not in page
    assert "data:image/jpeg" in page


def pairs_table(path: Path, root: Path, folds: int) -> Path:
    names = (root / "names.txt").read_text().splitlines()
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["left", "right", "same", "fold"])
        for one in range(47):
            for other in (one + 1, (one + 17) % 48):
                table.writerow([names[one], names[other], int(one // 4 == other // 4), one % folds])
    return path


def test_a_table_of_pairs_is_scored(capsys: Any, crowd: Path) -> None:
    table = pairs_table(crowd / "pairs.csv", crowd, 5)
    options = ["--images", crowd / "people", *given(crowd), "--threshold", 2.5]
    code, text, err = run(capsys, "eval", "pairs", table, *options)
    assert code == 0, err
    lines = dict(line.rsplit("  ", 1) for line in text.splitlines() if "  " in line)
    names = {name.strip(): value for name, value in lines.items()}
    assert names["pairs of one person"] == "36"
    assert names["TAR at FAR 0.001"] == "unsupported"
    assert text.count("\n") >= 15 + 7
    code, text, _ = run(capsys, "eval", "pairs", table, *options, "--json")
    folds = json.loads(text)["folds"]
    assert [len(folds[name]) for name in folds] == [5, 5, 5]


def test_a_picture_without_a_vector_is_told(capsys: Any, crowd: Path) -> None:
    names = (crowd / "names.txt").read_text().splitlines()
    (crowd / "names.txt").write_text("\n".join(["somebody else", *names[1:]]))
    code, text, err = run(capsys, "eval", "folder", crowd / "people", *given(crowd), "--json")
    assert code == 1
    assert f"{names[0]}: not in" in err
    assert json.loads(text)["pictures"] == 47


def test_a_gallery_is_searched(capsys: Any, crowd: Path) -> None:
    """Half of every second person's pictures are known; of the others nobody is."""
    names = (crowd / "names.txt").read_text().splitlines()
    moved = []
    for place, name in enumerate(names):
        person, number = divmod(place, 4)
        side = "gallery" if person % 2 and number < 2 else "probes"
        target = crowd / side / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (crowd / "people" / name).rename(target)
        moved.append(f"{side}/{name}")
    (crowd / "names.txt").write_text("\n".join(moved))
    sides = ["--gallery", crowd / "gallery", "--probes", crowd / "probes"]
    out = crowd / "report"
    code, text, err = run(
        capsys,
        "eval",
        "identify",
        *sides,
        *given(crowd),
        "--threshold",
        2.0,
        "--json",
        "--out",
        out,
    )
    assert code == 0, err
    found = json.loads(text)
    vectors = np.load(crowd / "vectors.npy").astype(np.float64)
    person = np.arange(48) // 4
    known = np.array([name.startswith("gallery/") for name in moved])
    far = np.linalg.norm(vectors[~known][:, None] - vectors[known], axis=2)
    mated = person[~known] % 2 == 1
    right = person[known][far.argmin(axis=1)] == person[~known]
    near = far.min(axis=1) < 2.0
    assert (found["gallery_people"], found["gallery_faces"]) == (6, 12)
    assert (found["probes_known"], found["probes_unknown"]) == (12, 24)
    assert found["fnir"]["value"] == pytest.approx(1 - (right & near)[mated].mean())
    assert found["fpir"]["value"] == pytest.approx(near[~mated].mean())
    assert found["rank"]["1"] == pytest.approx(right[mated].mean())
    assert found["rank"]["10"] == 1.0
    assert found["fnir_at_fpir"]["0.001"]["supported"] is False
    assert (out / "report.html").is_file()
    code, text, _ = run(capsys, "eval", "identify", *sides, *given(crowd))
    assert "FNIR at FPIR 0.01" in text


def test_labels_are_scored(capsys: Any, crowd: Path) -> None:
    names = (crowd / "names.txt").read_text().splitlines()
    labels = crowd / "labels.csv"
    with labels.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "face", "label"])
        table.writerows([[name, 0, place // 8] for place, name in enumerate(names)])
    out = crowd / "report"
    options = ["--people", crowd / "people", "--out", out]
    code, text, _ = run(capsys, "eval", "clusters", labels, *options, "--json")
    assert code == 0
    found = json.loads(text)
    assert found["pairwise"] == {
        "precision": pytest.approx(3 / 7), "recall": 1.0, "f": pytest.approx(0.6),
    }  # fmt: skip
    assert found["bcubed"]["f"] == pytest.approx(2 / 3)
    page = (out / "report.html").read_text()
    assert page.count("<figure>") == 6
    assert "<img src=x" not in page
    code, text, _ = run(capsys, "eval", "clusters", labels, "--people", crowd / "people")
    assert "48 faces of 12 people in 6 clusters" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["folder", "nowhere"], "wanted a folder with a folder for each person"),
        (["pairs", "nowhere.csv"], "nowhere.csv"),
        (["folder", "people", "--vectors", "vectors.npy"], "--vectors and --names go together"),
        (["folder", "people", "--models", "net.onnx"], "--input says what it is fed"),
        (["folder", "people", "--models", "dlib-landmarks-5"], "wanted a descriptor model"),
        (
            [
                "folder",
                "people",
                "--vectors",
                "vectors.npy",
                "--names",
                "names.txt",
                "--metric",
                "x",
            ],
            "wanted euclidean or cosine",
        ),
        (["clusters", "names.txt", "--people", "people"], "wanted"),
        (["folder", "people", "--models", "dlib-landmarks-5:int8"], "is no descriptor model"),
    ],
)
def test_what_cannot_start_says_why(
    capsys: Any, crowd: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(crowd)
    code, _, err = run(capsys, "eval", *words)
    assert code == 2
    assert message in err


def small_lfw(root: Path, pictures: dict[str, np.ndarray]) -> tuple[Path, Path]:
    """Two people of three pictures each, and a picture without a face, in LFW's form."""
    astronaut, portrait = pictures["astronaut.png"], pictures["grace_hopper.jpg"]
    faces = {"Eileen": astronaut[0:250, 100:350], "Grace": portrait[20:520:2, 0:500:2]}
    for name, face in faces.items():
        (root / "lfw" / name).mkdir(parents=True)
        changed = [face, face[:, ::-1], (face // 2 + 30).astype(np.uint8)]
        for number, image in enumerate(changed, start=1):
            image = np.ascontiguousarray(image)
            Image.fromarray(image).save(root / "lfw" / name / f"{name}_000{number}.jpg", quality=95)
    blank = np.random.default_rng(0).integers(0, 60, (250, 250, 3)).astype(np.uint8)
    Image.fromarray(blank).save(root / "lfw" / "Grace" / "Grace_0004.jpg")
    lines = ["2\t2", "Eileen 1 2", "Grace 1 3", "Eileen 1 Grace 1", "Eileen 2 Grace 4"]
    lines += ["Eileen 1 3", "Grace 2 4", "Eileen 3 Grace 2", "Eileen 2 Grace 1"]
    (root / "pairs.txt").write_text("\n".join(lines))
    return root / "lfw", root / "pairs.txt"


class DlibProtocol:
    """The protocol by dlib's own models."""

    def __init__(self, dlib: Any) -> None:
        self.dlib = dlib
        self.detector = dlib.get_frontal_face_detector()
        self.points = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))
        self.network = dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))
        self.without = 0

    def describe(self, image: np.ndarray) -> np.ndarray:
        found = list(self.detector(image, 0))
        middle = np.array(image.shape[1::-1]) / 2
        if found:
            centres = [
                (np.array([box.left() + box.right(), box.top() + box.bottom()]) + 1) / 2
                for box in found
            ]
            box = found[int(np.argmin([((one - middle) ** 2).sum() for one in centres]))]
        else:
            self.without += 1
            x0, y0, x1, y1 = (int(side) for side in LFW_BOX)
            box = self.dlib.rectangle(x0, y0, x1 - 1, y1 - 1)
        return np.array(self.network.compute_face_descriptor(image, self.points(image, box)))

    def distances(self, images: Path, pictures: list[str], sides: np.ndarray) -> np.ndarray:
        rows = np.array([self.describe(read_image(images / name)) for name in pictures])
        return np.sqrt(((rows[sides[:, 0]] - rows[sides[:, 1]]) ** 2).sum(axis=1))


@pytest.mark.oracle
def test_lfw_is_scored_as_dlib_would(
    capsys: Any, dlib: Any, tmp_path: Path, own_cache: Path, pictures: dict[str, np.ndarray]
) -> None:
    images, pairs = small_lfw(tmp_path, pictures)
    words = ["eval", "lfw", "--images", images, "--pairs", pairs]
    code, text, err = run(capsys, *words)
    assert code == 0, err
    assert "no box in 1 picture" in err
    listed = lfw_pairs(pairs)
    oracle = DlibProtocol(dlib)
    distances = oracle.distances(images, list(listed.pictures), listed.sides)
    assert oracle.without == 1
    right = (distances < 0.6) == listed.same
    log = [line.split(": ") for line in text.splitlines() if ": " in line][:11]
    assert [name for name, _ in log] == [
        "dist thresh", "margin", "overall lfw accuracy", "pos lfw accuracy", "neg lfw accuracy",
        "fold mean", "fold mean", "rscv.mean()", "rscv.stddev()", "ERR accuracy", "ERR thresh",
    ]  # fmt: skip
    means = right.reshape(2, 4).mean(axis=1)
    numbers = [float(value) for _, value in log]
    assert numbers[:9] == pytest.approx(
        [0.6, 0.04, right.mean(), right[listed.same].mean(), right[~listed.same].mean(), *means,
         means.mean(), means.std(ddof=1)], abs=1e-6,
    )  # fmt: skip
    assert numbers[10] == pytest.approx(
        distances[np.abs(distances - numbers[10]).argmin()], abs=1e-4
    )
    code, text, _ = run(capsys, *words, "--json", "--out", tmp_path / "report")  # from the cache
    worst = json.loads((tmp_path / "report" / "report.json").read_text())["models"][0]["hardest"]
    for pair in (pair for kind in worst.values() for pair in kind):
        ends = [listed.pictures.index(pair[side]) for side in ("left", "right")]
        (row,) = np.flatnonzero((listed.sides == ends).all(axis=1))
        assert pair["distance"] == pytest.approx(distances[row], abs=1e-4)


@pytest.mark.oracle
@pytest.mark.shared
def test_pairs_of_lfw_are_as_far_apart_as_dlib_says(shared: Path, dlib: Any) -> None:
    from phiz.evaluation.faces import CENTRAL, describe_pictures
    from phiz.pipeline import make_recipe

    listed = lfw_pairs(shared / "lfw" / "pairsDevTest.txt")
    sides = listed.sides[::84]  # twelve pairs of both kinds
    names = [listed.pictures[place] for place in sides.reshape(-1)]
    images = shared / "lfw" / "images"
    faces = describe_pictures([images / name for name in names], make_recipe(choice=CENTRAL))
    ends = np.arange(len(names)).reshape(-1, 2)
    ours, _ = faces.distances(ends)
    theirs = DlibProtocol(dlib).distances(images, names, ends)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert ((ours < 0.6) == (theirs < 0.6)).all()


def test_a_picture_of_lfw_that_is_missing_stops_it(
    capsys: Any, tmp_path: Path, own_cache: Path, pictures: dict[str, np.ndarray]
) -> None:
    images, pairs = small_lfw(tmp_path, pictures)
    (images / "Eileen" / "Eileen_0002.jpg").unlink()
    code, text, err = run(capsys, "eval", "lfw", "--images", images, "--pairs", pairs)
    assert code == 2
    assert text == ""
    assert "no picture of LFW may be left out" in err


def test_models_stand_side_by_side(
    capsys: Any, tmp_path: Path, own_cache: Path, pictures: dict[str, np.ndarray]
) -> None:
    images, _ = small_lfw(tmp_path, pictures)
    net = network(tmp_path / "tiny.onnx")
    spec = tmp_path / "input.json"
    spec.write_text(json.dumps(SPEC))
    models = f"dlib-face-resnet-v1,dlib-face-resnet-v1:int8,{net}"
    code, text, err = run(capsys, "eval", "folder", images, "--models", models, "--input", spec)
    assert code == 1
    assert "no face was found" in err
    assert text.splitlines()[0].split() == models.split(",")[:2] + ["tiny"]
    counts = next(line for line in text.splitlines() if line.startswith("pairs of two people"))
    assert counts.split()[-3:] == ["9", "9", "9"]
