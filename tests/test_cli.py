"""The command line: output, exit codes, and what happens to bad input."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import phiz
from phiz.cli import main
from phiz.imaging import read_image
from tests.test_pipeline import copy_kernels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    root = tmp_path_factory.mktemp("holiday")
    astronaut = Image.fromarray(pictures["astronaut.png"])
    astronaut.save(root / "astronaut.png")
    (root / "deep" / "er").mkdir(parents=True)
    astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "deep" / "er" / "again.png")
    Image.fromarray(pictures["grace_hopper.jpg"]).save(root / "deep" / "hopper.png")
    Image.new("RGB", (60, 60)).save(root / "blank.png")
    (root / "notes.txt").write_text("no picture")
    (root / "broken.jpg").write_bytes(b"no picture")
    (root / ".hidden").mkdir()
    astronaut.save(root / ".hidden" / "secret.png")
    return root


def run(capsys: Any, *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_detect_prints_faces_and_reports_what_it_cannot_read(capsys: Any, folder: Path) -> None:
    code, out, err = run(capsys, "detect", folder)
    assert code == 1
    lines = out.splitlines()
    assert f"{folder}/blank.png: no faces" in lines
    assert f"{folder}/astronaut.png: 1 face" in lines
    assert re.search(r"^  \d+ \d+ \d+ \d+  score \d\.\d+  front$", out, re.MULTILINE)
    assert f"phiz: {folder}/broken.jpg: not a picture in a format phiz reads" in err
    assert "notes.txt" not in out + err
    assert "secret" not in out + err
    assert "3 faces in 4 pictures, 1 could not be read" in err


def test_json_lines_follow_the_schema(capsys: Any, folder: Path) -> None:
    code, out, _ = run(capsys, "describe", folder, "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [Path(r["path"]).name for r in records] == [
        "astronaut.png", "blank.png", "broken.jpg", "hopper.png", "again.png",
    ]  # fmt: skip
    assert all(record["schema"] == 1 for record in records)
    assert set(records[2]) == {"schema", "path", "error"}
    face = records[0]["faces"][0]
    expected = phiz.analyze(folder / "astronaut.png")
    np.testing.assert_array_equal(np.array(face["descriptor"], np.float32), expected.descriptors[0])
    np.testing.assert_array_equal(np.array(face["box"], np.float32), expected.boxes[0])
    assert len(face["landmarks"]) == 5
    assert records[1]["faces"] == []


def test_csv_has_a_row_per_face(capsys: Any, folder: Path) -> None:
    _, out, _ = run(capsys, "landmarks", folder, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 3
    assert list(rows[0])[:10] == [
        "path", "width", "height", "face", "x0", "y0", "x1", "y1", "score", "label",
    ]  # fmt: skip
    expected = phiz.analyze(folder / "astronaut.png")
    points = [float(rows[0][f"p{axis}{i}"]) for i in range(5) for axis in "xy"]
    assert points == expected.landmarks[0].reshape(-1).tolist()


def test_annotated_pictures_are_written_beside_each_other(
    capsys: Any, folder: Path, tmp_path: Path
) -> None:
    code, _, _ = run(capsys, "detect", folder, "--draw", tmp_path / "out")
    assert code == 1
    drawn = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.png")}
    assert drawn == {
        "astronaut.png.png", "blank.png.png", "deep/hopper.png.png", "deep/er/again.png.png",
    }  # fmt: skip
    before = read_image(folder / "astronaut.png")
    after = read_image(tmp_path / "out" / "astronaut.png.png")
    changed = np.argwhere((before != after).any(axis=2))
    box = phiz.analyze(folder / "astronaut.png").boxes[0]
    assert changed.min(axis=0)[0] == box[1]
    single = tmp_path / "one.jpg"
    assert run(capsys, "landmarks", folder / "astronaut.png", "--draw", single)[0] == 0
    assert read_image(single).shape == before.shape


def test_the_picture_itself_is_never_drawn_over(capsys: Any, folder: Path) -> None:
    picture = folder / "astronaut.png"
    before = picture.read_bytes()
    code, _, err = run(capsys, "detect", picture, "--draw", picture)
    assert code == 2
    assert "that is the picture itself" in err
    assert picture.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detect", "--detector", "dlib-hog-sideways", "x.png"], "no model or file"),
        (["detect", "x.png", "--json", "--csv"], "either --json or --csv"),
        (["landmarks", "x.png", "--landmarks", "dlib-landmarks-68", "--commercial-only"], "300-W"),
        (["cluster", "x.png", "--threshold", "0"], "above 0"),
        (["models", "pull", "nothing"], "no model named 'nothing'"),
        (["bench", "--against", "/nowhere/python"], "No such file"),
    ],
)
def test_what_cannot_start_says_why_and_exits_with_2(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setenv("PHIZ_COMMERCIAL_ONLY", "")
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_an_empty_folder_cannot_start(capsys: Any, tmp_path: Path) -> None:
    code, _, err = run(capsys, "detect", tmp_path)
    assert code == 2
    assert f"no pictures in {tmp_path}" in err


def test_the_pixel_limit_is_an_option(capsys: Any, folder: Path) -> None:
    code, _, err = run(capsys, "detect", folder / "astronaut.png", "--max-pixels", 1000)
    assert code == 1
    assert "above the limit of 0.0" in err


def test_verify_answers(capsys: Any, folder: Path) -> None:
    one, other = folder / "astronaut.png", folder / "deep" / "er" / "again.png"
    code, out, _ = run(capsys, "verify", one, other)
    assert (code, out.split(":")[0]) == (0, "same")
    code, out, _ = run(capsys, "verify", one, folder / "deep" / "hopper.png", "--json")
    answer = json.loads(out)
    assert (code, answer["same"]) == (0, False)
    assert answer["distance"] > answer["threshold"] == 0.6
    assert run(capsys, "verify", one, folder / "blank.png")[1].startswith("unknown: no face")
    code, _, err = run(capsys, "verify", one, folder / "broken.jpg")
    assert code == 1
    assert "the second picture" in err


def test_cluster_writes_a_page_and_labels(
    capsys: Any, folder: Path, own_cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "people"
    code, text, err = run(capsys, "cluster", folder, "--out", out)
    assert code == 1
    assert text.splitlines()[-1] == "1 person seen more than once, 1 seen once"
    rows = list(csv.DictReader((out / "labels.csv").read_text().splitlines()))
    assert [(Path(row["path"]).name, row["label"]) for row in rows] == [
        ("astronaut.png", "0"), ("hopper.png", "1"), ("again.png", "0"),
    ]  # fmt: skip
    page = (out / "report.html").read_text()
    assert page.count("<button") == 3
    assert "http://" not in page
    assert "https://" not in page
    assert "broken.jpg" in page
    assert "threshold 0.6" in page
    assert f"wrote {out}/report.html" in err
    again = run(capsys, "cluster", folder, "--csv")[1]
    assert again == (out / "labels.csv").read_text()


def test_names_of_pictures_cannot_break_the_page(
    capsys: Any, own_cache: Path, tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    nasty = "a'\"><script>alert(1)<&.png"
    Image.fromarray(pictures["astronaut.png"]).save(folder / nasty)
    (folder / "<img src=x>.jpg").write_bytes(b"broken")
    run(capsys, "cluster", folder, "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<script>") == 1
    assert "<img src=x>" not in page
    rows = list(csv.DictReader((tmp_path / "labels.csv").read_text().splitlines()))
    assert Path(rows[0]["path"]).name == nasty


def test_models_are_listed_explained_and_checked(capsys: Any) -> None:
    code, out, _ = run(capsys, "models")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(phiz.zoo.ZOO)
    _, out, _ = run(capsys, "models", "--json")
    here = {r["name"] for r in map(json.loads, out.splitlines()) if r["present"]}
    assert here >= {
        "dlib-hog-frontal", "dlib-landmarks-5", "dlib-landmarks-68", "dlib-face-resnet-v1",
        "dlib-mmod-human", "cydral-gender-v1", "cydral-age-v1",
    }  # fmt: skip
    _, out, _ = run(capsys, "models", "info", "dlib-landmarks-68")
    assert "commercial use: no" in out
    assert "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f" in out
    code, out, _ = run(capsys, "models", "verify")
    assert (code, len(out.splitlines())) == (0, len(here))
    _, out, _ = run(capsys, "models", "path", "dlib-landmarks-5")
    assert Path(out.strip()).is_file()
    assert run(capsys, "models", "pull", "dlib-landmarks-5")[0] == 0


def test_a_missing_model_is_not_fetched_offline(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, own_cache: Path, folder: Path
) -> None:
    from phiz import store

    monkeypatch.setattr(store, "PACKAGES", (("phiz", "data"),))
    monkeypatch.setenv("PHIZ_OFFLINE", "1")
    code, _, err = run(capsys, "landmarks", folder / "astronaut.png")
    assert code == 2
    assert "phiz models pull dlib-landmarks-5" in err
    assert run(capsys, "detect", folder / "astronaut.png")[0] == 0


def test_doctor_tells_what_there_is(capsys: Any) -> None:
    code, out, _ = run(capsys, "doctor", "--json")
    report = json.loads(out)
    assert code == 0
    assert {check["name"]: check["passed"] for check in report["checks"]} == dict.fromkeys(
        [
            "dlib-hog-frontal",
            "dlib-landmarks-5",
            "dlib-landmarks-68",
            "dlib-face-resnet-v1",
            "whispers",
        ],
        True,
    )
    assert report["facts"]["numpy"] == np.__version__
    _, text, _ = run(capsys, "doctor")
    assert text.count("\nok ") + text.startswith("ok ") == 5


def test_bench_measures_and_compares(capsys: Any) -> None:
    code, out, _ = run(
        capsys, "bench", "--repeats", 1, "--json", "--threads", 2, "--against", sys.executable
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["name"] for row in rows][:2] == ["HOG, VGA", "HOG, 3 megapixels"]
    for row in rows:
        assert row["ratio"] == pytest.approx(row["reference_ms"] / row["phiz_ms"])


def test_help_shows_an_example_for_every_command(capsys: Any) -> None:
    commands = ["detect", "landmarks", "describe", "verify", "cluster", "models", "doctor", "bench"]
    assert all(name in run(capsys, "--help")[1] for name in commands)
    for name in commands:
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert f"phiz {name}" in out.split("Example:")[1]
    assert run(capsys, "--version")[1] == f"phiz {phiz.__version__}\n"


def start(folder: Path, *words: str, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "phiz", *words, str(folder)],
        env={**os.environ, "PHIZ_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A job in a shell's background is deaf to it, and so would be its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def test_interrupting_leaves_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    copy_kernels(cache)
    process = start(folder, "cluster", "--upsample", "3", "--out", str(out), cache=cache)
    while not list(cache.rglob("faces*")) and process.poll() is None:
        time.sleep(0.05)  # until it is at work
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # Interrupted inside an exec(), as dataclasses make while modules load, Python ends itself by
    # the signal after the command has left with 130; a shell calls both 130.
    assert process.returncode in (130, -signal.SIGINT)
    assert err == "phiz: interrupted\n"
    assert not out.exists() or list(out.iterdir()) == []


def test_a_reader_that_stops_reading_is_no_error(folder: Path, tmp_path: Path) -> None:
    copy_kernels(tmp_path)
    process = start(folder, "describe", "--json", cache=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"schema": 1')
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    assert process.wait(120) in (0, 1)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
