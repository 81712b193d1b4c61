"""Lists of pairs, folders of people and labels: read as they are written, refused where wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import OptionError, ShapeError
from phiz.evaluation.faces import CENTRAL, LFW_BOX, PROMINENT, given_vectors
from phiz.evaluation.listings import (
    lfw_pairs,
    people_folder,
    read_labels,
    read_pairs,
    truth_of_labels,
)
from phiz.values import Faces

LFW = """2\t1
Ann\t1\t2
Ann\t1\tBob\t3
Cy\t10\t2
Bob\t1\tCy\t2
"""


def written(folder: Path, text: str, name: str = "list.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_lists_of_lfw_have_folds(tmp_path: Path) -> None:
    found = lfw_pairs(written(tmp_path, LFW))
    names = [[found.pictures[side] for side in pair] for pair in found.sides]
    assert names[0] == ["Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg"]
    assert names[2] == ["Cy/Cy_0010.jpg", "Cy/Cy_0002.jpg"]
    assert names[3] == ["Bob/Bob_0001.jpg", "Cy/Cy_0002.jpg"]
    assert found.same.tolist() == [True, False, True, False]
    assert found.people.tolist() == [[0, 0], [0, 1], [2, 2], [1, 2]]
    assert found.folds is not None
    assert found.folds.tolist() == [0, 0, 1, 1]
    assert lfw_pairs(written(tmp_path, "1\nA 1 2\nA 1 B 1\n")).folds is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: wanted numbers of folds and pairs"),
        ("x\n", "line 1: wanted a number, found 'x'"),
        ("1\nA 1 2\n", "wanted 2 pairs as line 1 says, found 1"),
        ("0\n", "wanted 0 pairs"),
        ("1\nA 1\nA 1 B 1\n", "line 2: wanted name, number, number"),
        ("1\nA 1 2\nA 1 2\n", "line 3: wanted name, number, name, number"),
        ("1\nA 1 2\nA 1 A 2\n", "line 3: wanted two people"),
        ("1\nA 1 -2\nA 1 B 2\n", "line 2: wanted a picture's number, found '-2'"),
        ("1\nA 1 2\n.. 1 B 2\n", "line 3: wanted a person's name, found '..'"),
        ("1\nA 1 2\nA 1 ../B 2\n", "line 3: wanted a person's name, found '../B'"),
        ("9999999999\n", "line 1: wanted a number"),
    ],
)
def test_lists_of_lfw_that_are_wrong_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        lfw_pairs(written(tmp_path, text))


@given(text=st.text(alphabet="1 2\tAB\n,\"'0-9x", max_size=60))
def test_lists_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = written(tmp_path_factory.getbasetemp(), text, "any.txt")
    for read in (lfw_pairs, read_pairs, read_labels):
        try:
            read(path)
        except OptionError as error:
            assert str(path) in str(error)


def test_pairs_of_a_table_say_who_is_who(tmp_path: Path) -> None:
    text = "same,right,left,fold,note\n1,b,a,x,\n0,c,a,y,\nTrue,d,b,x,\nno,c,d,y,\n"
    found = read_pairs(written(tmp_path, text))
    assert [found.pictures[side] for side in found.sides[0]] == ["a", "b"]
    assert found.same.tolist() == [True, False, True, False]
    one = dict(zip("abcd", _people(found), strict=True))
    assert one["a"] == one["b"] == one["d"] != one["c"]
    assert found.folds is not None
    assert found.folds.tolist() == [0, 1, 0, 1]


def _people(found: object) -> list[int]:
    pairs, who = found, {}
    for (one, other), (a, b) in zip(pairs.sides.tolist(), pairs.people.tolist(), strict=True):  # type: ignore[attr-defined]
        who[pairs.pictures[one]], who[pairs.pictures[other]] = a, b  # type: ignore[attr-defined]
    return [who[name] for name in "abcd"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: wanted a header left,right,same"),
        ("left,right\na,b\n", "line 1: .* with same"),
        ("left,right,same\n", "wanted pairs, found none"),
        ("left,right,same\na,b\n", "line 2: wanted 3 columns, found 2"),
        ("left,right,same\na,b,1\n\na,c,maybe\n", "line 4: wanted same: 1 or 0, found 'maybe'"),
        ("left,right,same\na,,1\n", "line 2: wanted two names"),
        ("left,right,same\na,b,1\nb,c,1\na,c,0\n", "line 4: said to be two people"),
        ("left,right,same\na,a,0\n", "line 2: said to be two people"),
    ],
)
def test_tables_of_pairs_that_are_wrong_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        read_pairs(written(tmp_path, text))
    (tmp_path / "latin.csv").write_bytes(b"left,right,same\n\xe9,b,1\n")
    with pytest.raises(OptionError, match="@ byte 16: wanted text in UTF-8"):
        read_pairs(tmp_path / "latin.csv")


def test_a_folder_per_person_is_walked(tmp_path: Path) -> None:
    for name in (
        "Bob/2.jpg",
        "Bob/deep/1.png",
        "Ann/x.jpg",
        ".trash/y.jpg",
        "loose.jpg",
        "Ann/a.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = people_folder(tmp_path)
    assert found.pictures == ("Ann/x.jpg", "Bob/2.jpg", "Bob/deep/1.png")
    assert found.people.tolist() == [0, 1, 1]
    assert found.names == ("Ann", "Bob")
    for wrong in (tmp_path / "Ann" / "x.jpg", tmp_path / "Bob" / "deep"):
        with pytest.raises(OptionError, match="folder for each person"):
            people_folder(wrong)


def test_labels_are_those_of_the_best_face(tmp_path: Path) -> None:
    for name in ("Ann/1.jpg", "Bob/1.jpg", "Bob/2.jpg"):
        (tmp_path / "people" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / name).write_bytes(b"")
    inside = tmp_path / "people" / "Bob" / "2.jpg"
    text = (
        f"path,face,label\nAnn/1.jpg,1,7\nAnn/1.jpg,0,3\nBob/1.jpg,0,3\n{inside},0,5\nno.jpg,0,1\n"
    )
    found = truth_of_labels(read_labels(written(tmp_path, text, "l.csv")), tmp_path / "people")
    assert found.people.tolist() == [0, 1, 1]
    assert found.labels.tolist() == [0, 0, 1]
    assert (found.spare, found.outside) == (1, 1)
    lines = '{"path": "Ann/1.jpg", "label": 4}\n\n{"path": "Bob/1.jpg", "label": 4, "face": 2}\n'
    assert read_labels(written(tmp_path, lines, "l.jsonl")) == [
        ("Ann/1.jpg", "4", 0),
        ("Bob/1.jpg", "4", 2),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "path\na\n", "line 2: wanted a column label"),
        ("l.csv", "path,label\n", "wanted labels, found none"),
        ("l.csv", "path,label,face\na,1,-1\n", "line 2: wanted the number of a face, found '-1'"),
        ("l.jsonl", "{\n", "line 1: not JSON"),
        ("l.jsonl", "[1]\n", "line 1: wanted a JSON object"),
    ],
)
def test_labels_that_are_wrong_are_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        read_labels(written(tmp_path, text, name))


def test_the_box_nearest_to_the_middle_counts_or_lfws() -> None:
    boxes = np.array([[0, 0, 90, 90], [70, 80, 170, 180], [100, 100, 250, 250]], np.float32)
    faces = Faces(boxes, np.array([3, 1, 2], np.float32))
    assert CENTRAL.choose(faces, 250, 250).boxes.tolist() == [boxes[1].tolist()]
    assert PROMINENT.choose(faces, 250, 250).boxes.tolist() == [boxes[2].tolist()]
    aside = Faces(np.array([[0, 0, 100, 100], [75, 75, 165, 165]], np.float32), faces.scores[:2])
    assert PROMINENT.choose(aside, 250, 250).boxes.tolist() == [[75, 75, 165, 165]]
    assert PROMINENT.choose(aside, 110, 110).boxes.tolist() == [[0, 0, 100, 100]]
    none = faces[[]]
    (fallback,) = CENTRAL.choose(none, 500, 250).boxes.tolist()
    assert fallback == [2 * LFW_BOX[0], LFW_BOX[1], 2 * LFW_BOX[2], LFW_BOX[3]]
    assert np.isnan(CENTRAL.choose(none, 250, 250).scores).all()
    assert len(PROMINENT.choose(none, 250, 250)) == 0


def test_vectors_of_others_are_found_by_name(tmp_path: Path) -> None:
    vectors = np.arange(12, dtype=np.float64).reshape(4, 3)
    np.save(tmp_path / "v.npy", vectors)
    names = written(tmp_path, "d\nc\nb\na\n", "names.txt")
    found = given_vectors(
        tmp_path / "v.npy", names, ["a", "x", "c"], metric="cosine", threshold=None
    )
    assert found.vectors.tolist() == [vectors[3].tolist(), vectors[1].tolist()]
    assert found.rows.tolist() == [0, 2]
    assert [row for row, _ in found.missing] == [1]
    assert found.place(3).tolist() == [0, -1, 1]
    distances, rows = found.distances(np.array([[0, 1], [2, 0]]))
    assert rows.tolist() == [1]
    cosine = vectors[3] @ vectors[1] / np.linalg.norm(vectors[3]) / np.linalg.norm(vectors[1])
    assert distances == pytest.approx([1 - cosine])


@pytest.mark.parametrize(
    ("array", "names", "message"),
    [
        (np.zeros((2, 3)), "a\n", "wanted 2 names"),
        (np.zeros((2, 3)), "a\na\n", "each name once"),
        (np.zeros((2, 3)), "x\ny\n", "none of the pictures"),
        (np.zeros((2, 3), int), "a\nb\n", "array of floats"),
        (np.zeros(2), "a\nb\n", "vectors"),
        (np.full((2, 3), np.nan), "a\nb\n", "finite"),
        (None, "a\n", "not a .npy file"),
    ],
)
def test_vectors_that_are_wrong_are_refused(
    tmp_path: Path, array: np.ndarray | None, names: str, message: str
) -> None:
    if array is None:
        (tmp_path / "v.npy").write_bytes(b"\x93NUMPY\x01\x00garbage")
    else:
        np.save(tmp_path / "v.npy", array)
    named = written(tmp_path, names, "names.txt")
    with pytest.raises((OptionError, ShapeError), match=message):
        given_vectors(tmp_path / "v.npy", named, ["a", "b"], metric="euclidean", threshold=0.6)


def test_a_header_that_promises_more_than_the_file_has_takes_no_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((2, 3), np.float32))
    data = (tmp_path / "v.npy").read_bytes()
    many = b"(999999999, 3), }"
    (tmp_path / "v.npy").write_bytes(data.replace(b"(2, 3), }" + b" " * 8, many))
    assert many in (tmp_path / "v.npy").read_bytes()
    with pytest.raises(OptionError, match=r"not a \.npy file"):
        given_vectors(
            tmp_path / "v.npy", written(tmp_path, "a\n"), ["a"], metric="cosine", threshold=None
        )
