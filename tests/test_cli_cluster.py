"""phiz cluster: its methods, bare vectors, merges, other seeds."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.clustering import linking, nearest
from tests.test_cli import folder, run  # noqa: F401
from tests.test_clustering import crowd


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.npy"
    np.save(path, np.concatenate([crowd(5, 8, 0.02), crowd(2, 1, 0.0, seed=9)]))
    return path


def test_bare_vectors_are_clustered(capsys: Any, vectors: Path, tmp_path: Path) -> None:
    expected = [*np.repeat(range(5), 8).tolist(), 5, 6]
    code, out, _ = run(capsys, "cluster", "--vectors", vectors, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, lines[3]) == (0, {"schema": 1, "row": 3, "label": 0})
    assert [line["label"] for line in lines] == expected
    _, out, _ = run(capsys, "cluster", "--vectors", vectors, "--csv", "--method", "newman")
    assert [int(row["label"]) for row in csv.DictReader(out.splitlines())] == expected
    code, out, err = run(
        capsys, "cluster", "--vectors", vectors, "--neighbours", 7, "--seeds", 2,
        "--suggest-merges", "--out", tmp_path / "out",
    )  # fmt: skip
    assert out.splitlines() == [
        *(f"person {i}: 8 faces rows {8 * i}, {8 * i + 1}, {8 * i + 2}, ... "
          "(100 % of pairs stay together)" for i in range(5)),
        "5 people seen more than once, 2 seen once",
        "with 2 other seeds: adjusted Rand index 1.0000 on average, 1.0000 at worst",
        "no two people are joined by many faces",
    ]  # fmt: skip
    assert "each face joined to its 7 nearest closer than 0.6; 100.0 % of the true ones" in err
    rows = list(csv.DictReader((tmp_path / "out" / "labels.csv").read_text().splitlines()))
    assert rows[9] == {"row": "9", "label": "1", "together": "1.0", "strangers": "0.0"}
    assert (tmp_path / "out" / "merges.csv").read_text() == "one,other,edges,share,distance\n"


def test_merges_and_seeds_are_told_in_json(capsys: Any, tmp_path: Path) -> None:
    """Two groups that are joined by some of their faces only."""
    line = np.zeros((13, 2), np.float32)
    line[:6, 0], line[6:12, 0], line[12, 1] = 0.0, 0.7, 9.0
    line[4:6, 0], line[6:8, 0] = 0.2, 0.5
    np.save(tmp_path / "line.npy", line)
    words = ["cluster", "--vectors", tmp_path / "line.npy", "--threshold", "0.35"]
    _, out, _ = run(capsys, *words, "--json", "--suggest-merges", "--seeds", 3)
    *_, rand, merge = map(json.loads, out.splitlines())
    assert rand["seeds"] == len(rand["adjusted_rand"]) == 3
    # Two in the middle of each: four of 36 pairs.
    assert merge == {"schema": 1, "merge": [0, 1], "edges": 4, "share": 0.111111, "distance": 0.3}
    _, out, err = run(capsys, *words, "--csv", "--suggest-merges")
    assert "person 0 and person 1 may be one: 4 edges, 11 % of those possible" in err
    assert out.startswith("row,label\n")


def test_many_vectors_need_few_comparisons(
    capsys: Any, vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    monkeypatch.setattr(nearest, "EXACT", 20)
    monkeypatch.setattr(linking, "EXACT", 20)
    code, out, err = run(capsys, "cluster", "--vectors", vectors)
    assert code == 0
    assert "5 people seen more than once, 2 seen once" in out
    assert "joined to some of its nearest only, found by lists" in err
    assert "16 nearest closer than" in err


def test_pictures_keep_their_faces_apart(capsys: Any, folder: Path, own_cache: Path) -> None:  # noqa: F811
    code, out, _ = run(capsys, "cluster", folder, "--cannot-link", "--seeds", 1, "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 1  # one cannot be read
    assert [row["label"] for row in rows] == ["0", "1", "0"]
    assert rows[0]["together"] == "1.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cluster"], "either pictures or --vectors"),
        (["cluster", "x.png", "--vectors", "v.npy"], "either pictures or --vectors"),
        (["cluster", "--vectors", "missing.npy"], "no such file"),
        (["cluster", "x.png", "--method", "kmeans"], "wanted whispers or newman, found 'kmeans'"),
        (["cluster", "--vectors", "v.npy", "--cannot-link"], "--cannot-link"),
        (["cluster", "x.png", "--seeds", "-1"], "--seeds"),
    ],
)
def test_what_cannot_start_says_why(capsys: Any, words: list[str], message: str) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2
    assert message in err


def damaged(name: str) -> bytes:
    import io

    file = io.BytesIO()
    if name == "flat":
        np.save(file, np.zeros(5, np.float32))
    elif name == "text":
        np.save(file, np.array([["a", "b"]]))
    elif name == "objects":
        np.save(file, np.array([[None]], object), allow_pickle=True)
    elif name == "nan":
        np.save(file, np.full((3, 4), np.nan, np.float32))
    else:
        np.save(file, np.zeros((100, 128), np.float32))
    data = file.getvalue()
    if name == "cut":
        return data[:3000]
    if name == "huge":
        return data.replace(b"(100, 128)", b"(1000000000000, 128)", 1)
    return {"empty": b"", "zip": b"PK\x03\x04" + data}.get(name, data)


@pytest.mark.parametrize("name", ["empty", "zip", "cut", "huge", "flat", "text", "objects", "nan"])
def test_files_that_hold_no_vectors_are_refused(capsys: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "v.npy"
    path.write_bytes(damaged(name))
    code, out, err = run(capsys, "cluster", "--vectors", path)
    assert (code, out) == (2, "")
    assert ("finite" if name == "nan" else f"{path} @ byte 0: wanted an .npy file") in err
