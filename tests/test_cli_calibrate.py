"""phiz calibrate, and the commands that take what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import phiz
from phiz.calibration import read_calibration
from phiz.cli import main
from tests.sources import registry_pictures
from tests.test_calibration import people_like


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    vectors, who = people_like(60, 0)
    names = [f"p{person:02}/{row}.jpg" for row, person in enumerate(who)]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    np.save(folder / "vectors.npy", vectors)
    (folder / "names.txt").write_text("\n".join(names))
    return folder


def words(people: Path) -> list[str]:
    return ["--vectors", str(people / "vectors.npy"), "--names", str(people / "names.txt")]


def test_a_folder_is_calibrated(people: Path, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    command = ["calibrate", str(people), "--fmr", "0.01", "--out", str(out), *words(people)]
    assert main(command) == 0
    said = capsys.readouterr().out
    found = read_calibration(out)
    assert "from 360 pairs of one person and 28320 of two, 60 people" in said
    assert f"threshold {found.threshold:.4f}" in said
    assert "probability" in said
    assert "at a prior of 0.5" in said
    assert "extrapolated" in said
    assert found.measured <= 0.01
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())


def test_what_the_data_cannot_say_is_refused(people: Path, capsys: Any) -> None:
    assert main(["calibrate", str(people), "--fmr", "1e-6", *words(people)]) == 2
    assert "supports an FMR of 3.5e-05 or more: 28320 impostor pairs of 60 people" in (
        capsys.readouterr().err
    )
    assert main(["calibrate", str(people), "--fmr", "2", *words(people)]) == 2
    assert "--fmr" in capsys.readouterr().err


def test_cluster_takes_the_calibration(people: Path, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    main(["calibrate", str(people), "--fmr", "0.01", "--out", str(out), *words(people)])
    limit = read_calibration(out).threshold
    capsys.readouterr()
    vectors = ["--vectors", str(people / "vectors.npy"), "--csv"]
    assert main(["cluster", *vectors, "--calibration", str(out)]) == 0
    calibrated = capsys.readouterr().out
    assert main(["cluster", *vectors, "--threshold", repr(limit)]) == 0
    assert calibrated == capsys.readouterr().out
    assert main(["cluster", *vectors, "--threshold", "1", "--calibration", str(out)]) == 2
    assert "not both" in capsys.readouterr().err


def test_verify_takes_the_calibration_of_its_own_model_only(
    people: Path, capsys: Any, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"
    main(["calibrate", str(people), "--fmr", "0.01", "--out", str(out), *words(people)])
    one = str(next(path for path in registry_pictures() if "obama.jpg" in path.name))
    capsys.readouterr()
    assert main(["verify", one, one, "--calibration", str(out)]) == 2
    assert "calibrate this model too" in capsys.readouterr().err
    assert main(["verify", one, one, "--prior", "0.5"]) == 2
    assert "a prior wants a calibration" in capsys.readouterr().err
    mine = json.loads(out.read_text())
    mine["space"] = phiz.load("dlib-face-resnet-v1").space
    out.write_text(json.dumps(mine))
    assert main(["verify", one, one, "--json", "--calibration", str(out), "--prior", "0.5"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["same"] is True
    assert answer["log_ratio"] == pytest.approx(mine["llr"][0])
    assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-mine["llr"][0])))
    assert answer["prior"] == 0.5
