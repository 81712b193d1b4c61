"""Who is this: the nearest references against brute force, the vote, and folders of people."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import phiz
from phiz import matching
from phiz.cli.identify import _NEIGHBOURS
from phiz.enrolment import enrol
from phiz.errors import OptionError, ShapeError, SpaceError
from phiz.identification import NEIGHBOURS, References, identify, strangers
from phiz.matching import Index, nearest
from phiz.table import FaceTable, Picture
from phiz.values import Descriptors
from tests.test_cli import run
from tests.test_clustering import crowd


def references(vectors: object, names: object, **more: Any) -> References:
    described = Descriptors(np.asarray(vectors, np.float32), "s", **more)
    return References(described, np.asarray(names, np.str_))


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Vectors with many equal distances among them, of a few people, and probes."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    count, people = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    scale = draw(st.sampled_from([1e-12, 1.0, 1e9]))
    steps = draw(st.sampled_from([2, 1000]))
    metric = draw(st.sampled_from(["euclidean", "cosine"]))
    person = np.unique(random.integers(0, people, count), return_inverse=True)[1]
    rows = random.integers(1, steps + 1, (count + 15, 4)) * scale
    return {
        "vectors": rows[:count].astype(np.float32),
        "probes": rows[count:].astype(np.float32),
        "person": person.reshape(-1).astype(np.int64),
        "metric": metric,
        "barred": random.integers(-1, person.max() + 1, 15),
        "cells": draw(st.sampled_from([1, 100, 1 << 20])),
    }


@given(problems(), st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_blocks_find_what_brute_force_finds(
    problem: dict[str, Any], neighbours: int, people: int, barring: bool
) -> None:
    vectors, probes, person = (problem[name] for name in ("vectors", "probes", "person"))
    metric = problem["metric"]
    barred = problem["barred"] if barring else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_CELLS", problem["cells"])
        found = nearest(
            Index.of(vectors, person, metric), probes, neighbours=neighbours, people=people,
            barred=barred,
        )  # fmt: skip
    if metric == "euclidean":
        full = Descriptors(probes, "s").distances(Descriptors(vectors, "s"))
    else:
        a, b = probes.astype(np.float64), vectors.astype(np.float64)
        lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        full = 1 - (a[:, None] * b).sum(axis=2) / lengths
    for i, row in enumerate(full):
        near = [
            (apart, j)
            for j, apart in enumerate(row.tolist())
            if barred is None or person[j] != barred[i]
        ]
        expected = sorted(near)[:neighbours]
        expected += [(np.inf, -1)] * (neighbours - len(expected))
        assert [*zip(found.distances[i], found.rows[i], strict=True)] == expected
        best: dict[int, float] = {}
        for apart, j in near:
            best[person[j]] = min(apart, best.get(person[j], np.inf))
        closest = sorted((apart, who) for who, apart in best.items())[:people]
        closest += [(np.inf, -1)] * (people - len(closest))
        assert [*zip(found.apart[i], found.people[i], strict=True)] == closest


def by_hand(known: References, probe: np.ndarray, k: int, limit: float) -> dict[str, Any]:
    """Identify one face in plain loops."""
    apart = sorted(
        (float(distance), str(name))
        for distance, name in zip(
            Descriptors(probe[None], "s").distances(known.descriptors)[0], known.names, strict=True
        )
    )
    votes: dict[str, float] = {}
    for distance, name in apart[:k]:
        votes[name] = votes.get(name, 0) + max(limit - distance, 0)
    winner = max(votes, key=lambda name: votes[name])  # the first of equal ones, the nearest
    total = sum(votes.values())
    mine = min(distance for distance, name in apart if name == winner)
    others = min((distance for distance, name in apart if name != winner), default=np.inf)
    return {
        "winner": winner,
        "known": apart[0][0] < limit and votes[winner] > total / 2,
        "distance": mine,
        "margin": others - mine,
        "share": votes[winner] / total if total else 0.0,
    }


@given(
    st.integers(1, 5), st.integers(1, 6), st.integers(1, 12), st.floats(0.05, 2), st.integers(0, 99)
)
def test_votes_are_those_of_plain_loops(
    people: int, each: int, k: int, limit: float, seed: int
) -> None:
    vectors = crowd(people, each, 0.08, seed)
    random = np.random.default_rng(seed)
    known = references(vectors, np.repeat([f"person {i}" for i in range(people)], each))
    probes = crowd(people + 1, 3, 0.08, seed)
    probes = probes[random.permutation(len(probes))]
    answers = identify(known, probes, neighbours=k, threshold=limit, top=4)
    assert answers.candidates.shape == (len(probes), min(people, 4))
    for i, probe in enumerate(probes):
        expected = by_hand(known, probe, k, limit)
        assert answers.winners[i] == expected["winner"]
        assert answers.known[i] == expected["known"]
        assert answers.names[i] == (expected["winner"] if expected["known"] else None)
        assert answers.distances[i] == expected["distance"]
        assert answers.margins[i] == expected["margin"]
        assert answers.shares[i] == pytest.approx(expected["share"], abs=1e-12)
        assert (np.diff(answers.candidate_distances[i]) >= 0).all()


def test_one_reference_decides_as_verify_does() -> None:
    limit = 0.6
    below, above = np.nextafter(np.float32(limit), 0), np.nextafter(np.float32(limit), 1)
    known = references(np.zeros((1, 3)), ["Ann"])
    probes = np.zeros((2, 3), np.float32)
    probes[:, 0] = below, above
    answers = identify(known, probes)
    assert answers.names == ["Ann", None]
    assert answers.winners.tolist() == ["Ann", "Ann"]
    assert np.isinf(answers.margins).all()
    assert answers.candidates[:, 0].tolist() == ["Ann", "Ann"]


def test_two_people_alike_are_nobody_until_a_neighbour_tells() -> None:
    vectors = [[0.0, 0.2], [0.0, -0.2], [0.0, 0.3]]
    probe = np.zeros((1, 2), np.float32)
    tie = identify(references(vectors[:2], ["Ann", "Bob"]), probe)
    assert (tie.names, tie.shares.tolist(), tie.margins.tolist()) == ([None], [0.5], [0.0])
    told = identify(references(vectors, ["Ann", "Bob", "Bob"]), probe)
    assert told.names == ["Bob"]
    assert told.shares[0] == pytest.approx(0.7 / 1.1)
    assert identify(references(vectors, ["Ann", "Bob", "Bob"]), probe, neighbours=2).names == [None]


def test_the_margin_is_negative_where_the_vote_outdoes_the_nearest() -> None:
    known = references([[0.1], [0.2], [0.21]], ["Ann", "Bob", "Bob"])
    answers = identify(known, [[0.0]])
    assert answers.names == ["Bob"]
    assert answers.margins[0] == pytest.approx(-0.1, abs=1e-6)
    assert answers.candidates.tolist() == [["Ann", "Bob"]]


def test_nobody_to_identify_is_no_error() -> None:
    known = references(crowd(3, 2, 0.1), list("aabbcc"))
    answers = identify(known, np.zeros((0, 128), np.float32), top=2)
    assert len(answers) == 0
    assert answers.candidates.shape == (0, 2)
    assert answers.names == []
    assert "0 of 0" in repr(answers)
    for value in (answers, known, identify(known, known.descriptors)):
        assert "<table>" in value._repr_html_()


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"neighbours": 0}, OptionError, "neighbours: wanted 1 or more"),
        ({"top": 0}, OptionError, "top: wanted 1 or more"),
        ({"threshold": 0.0}, OptionError, "threshold: wanted a number above 0"),
        ({"threshold": float("nan")}, OptionError, "threshold"),
        ({"descriptors": np.zeros((1, 3), np.float32)}, ShapeError, "descriptors"),
        ({"descriptors": np.full((1, 2), 1e30, np.float32)}, ShapeError, "numbers up to"),
        ({"descriptors": np.full((1, 2), np.nan, np.float32)}, ShapeError, "finite"),
        ({"descriptors": Descriptors(np.zeros((1, 2), np.float32), "t")}, SpaceError, "one model"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    known = references([[0.0, 1.0]], ["Ann"])
    with pytest.raises(error, match=said):
        identify(known, **{"descriptors": [[0.0, 1.0]], **asked})


def test_references_are_one_name_a_face() -> None:
    with pytest.raises(ShapeError, match="names"):
        references([[0.0]], ["Ann", "Bob"])
    with pytest.raises(ShapeError, match="found none"):
        references(np.zeros((0, 2)), [])
    with pytest.raises(ShapeError, match="zeros"):
        identify(references([[0.0]], ["Ann"], metric="cosine"), [[1.0]])
    known = references(np.zeros((3, 1)), ["b", "a", "b"])
    assert (known.people.tolist(), known.person.tolist()) == (["a", "b"], [1, 0, 1])


def test_memory_is_blocks_not_a_matrix() -> None:
    vectors = crowd(4000, 5, 0.02)
    known = references(vectors, np.repeat(np.arange(4000).astype(str), 5))
    assert known.index.moved.shape == vectors.shape
    tracemalloc.start()
    answers = identify(known, vectors[::4])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000 * 20_000 * 4 / 2  # half a matrix of distances
    assert answers.known.all()
    assert (answers.winners == known.names[::4]).all()
    assert (answers.distances == 0).all()


def test_strangers_are_people_left_out() -> None:
    """Nine people far apart, and a pair that is taken for each other."""
    vectors = crowd(11, 4, 0.02)
    vectors[40:] = vectors[36:40] + 0.03
    known = references(vectors, np.repeat(np.arange(11).astype(str), 4))
    others = strangers(known)
    assert others is not None
    assert len(others) == 11
    assert others.named(0.6) == 2
    part, low, high = others.rate(0.6)
    assert part == 2 / 11
    assert (low, high) == (pytest.approx(0.0514, abs=1e-4), pytest.approx(0.4770, abs=1e-4))
    assert others.threshold_at(0.01, [0.1, 0.6]) is None  # too few people to tell
    assert others.threshold_at(0.1, [0.05, 0.1, 0.6]) == 0.1
    assert strangers(references(crowd(1, 3, 0.1), ["a"] * 3)) is None


def test_strangers_are_counted_as_identify_would_name_them() -> None:
    vectors = crowd(40, 3, 0.1, seed=5) * np.float32(0.4)
    known = references(vectors, np.repeat(np.arange(40).astype(str), 3))
    others = strangers(known)
    assert others is not None
    random = np.random.default_rng(0)
    shuffled = random.permutation(120)
    faces = [next(row for row in shuffled if row // 3 == who) for who in range(40)]
    for limit in (0.3, 0.5, 0.6):
        named = 0
        for face in faces:
            rest = known.person != known.person[face]
            left = References(known.descriptors[rest], known.names[rest])
            named += identify(left, vectors[[face]], threshold=limit).known[0]
        assert others.named(limit) == named


def described(name: str, vectors: object, sides: tuple[float, ...] = ()) -> FaceTable:
    vectors = np.asarray(vectors, np.float32).reshape(-1, 1)
    boxes = np.array([[0, 0, side, side] for side in sides or (1,) * len(vectors)], np.float32)
    return FaceTable.of_picture(
        Picture(name, name),
        phiz.Faces(boxes.reshape(-1, 4), np.ones(len(vectors), np.float32)),
        None,
        Descriptors(vectors, "s"),
    )


def test_enrolment_takes_the_face_that_is_most_likely_the_persons() -> None:
    enrolment = enrol(
        [
            ("Ann", described("a1", [0.0])),
            ("Ann", described("a2", [5.0, 0.2], (9, 1))),
            ("Ann", described("a3", [0.1])),
            ("Bob", described("b1", [3.0, 2.0], (1, 9))),
            ("Ann", described("a4", [])),
            ("Ann", described("a5", [7.0, 8.0])),
            ("Cid", described("c1", [])),
            ("Ann", FaceTable.of_picture(Picture("bad", error="bad: damaged"))),
        ]
    )
    assert enrolment.sources == ("a1", "a2", "a3", "a5", "b1")
    assert enrolment.references.names.tolist() == ["Ann"] * 4 + ["Bob"]
    np.testing.assert_array_equal(
        enrolment.references.descriptors.vectors[:, 0], np.array([0, 0.2, 0.1, 7, 2], np.float32)
    )
    assert enrolment.warnings == (
        "a2: 2 faces; the one nearest to other pictures of Ann was taken",
        "a4: no face",
        "a5: 2 faces; the one nearest to other pictures of Ann was taken, at a distance of 7.00: "
        "perhaps none is Ann",
        "b1: 2 faces; the largest one was taken for Bob",
        "c1: no face",
        "Cid: no picture has a face; nobody will be called that",
    )
    with pytest.raises(OptionError, match="no picture has a face"):
        enrol([("Ann", described("a", []))])


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    """Folders of two people, with a damaged file, a picture without a face, one of both."""
    root = tmp_path_factory.mktemp("people")
    astronaut = pictures["astronaut.png"]
    hopper = pictures["grace_hopper.jpg"]
    for name in ("Eileen", "Grace/young", "Empty"):
        (root / name).mkdir(parents=True)
    Image.fromarray(astronaut).save(root / "Eileen" / "one.png")
    Image.fromarray(astronaut[:, ::-1]).save(root / "Eileen" / "two.png")
    Image.fromarray(hopper).save(root / "Grace" / "young" / "one.png")
    both = np.zeros((max(len(astronaut), len(hopper)), 512 + hopper.shape[1], 3), np.uint8)
    both[: len(astronaut), :512] = astronaut
    both[: len(hopper), 512:] = hopper
    Image.fromarray(both).save(root / "Grace" / "both.png")
    Image.new("RGB", (80, 80)).save(root / "Empty" / "blank.png")
    (root / "Eileen" / "damaged.jpg").write_bytes(b"no picture")
    Image.fromarray(hopper).save(root / "stray.png")
    return root


def test_identify_names_faces(
    capsys: Any, people: Path, tmp_path: Path, own_cache: Path, pictures: dict[str, np.ndarray]
) -> None:
    asked = tmp_path / "asked"
    asked.mkdir()
    Image.fromarray(pictures["grace_hopper.jpg"][:, ::-1]).save(asked / "grace.png")
    Image.new("RGB", (60, 60)).save(asked / "nobody.png")
    code, out, err = run(
        capsys, "identify", people, asked, people / "Grace" / "both.png", "--json",
        "--draw", tmp_path / "drawn",
    )  # fmt: skip
    assert code == 1  # a reference is damaged
    records = {Path(line["path"]).name: line for line in map(json.loads, out.splitlines())}
    assert [face["name"] for face in records["grace.png"]["faces"]] == ["Grace"]
    # HOG finds something between the two as well, which is like nobody.
    found = [face["name"] for face in records["both.png"]["faces"]]
    assert sorted(found, key=str) == ["Eileen", "Grace", None]
    assert records["nobody.png"]["faces"] == []
    face = records["grace.png"]["faces"][0]
    assert set(face) == {
        "box", "score", "label", "landmarks", "name", "distance", "margin", "share", "candidates",
    }  # fmt: skip
    assert [one["name"] for one in face["candidates"]] == ["Grace", "Eileen"]
    assert face["distance"] == face["candidates"][0]["distance"] < 0.4
    assert face["margin"] == pytest.approx(face["candidates"][1]["distance"] - face["distance"])
    expected = phiz.verify(asked / "grace.png", people / "Grace" / "young" / "one.png").distance
    assert face["distance"] <= expected + 1e-5
    for said in (
        "damaged.jpg: not a picture",
        "both.png: 3 faces; the one nearest to other pictures of Grace was taken",
        "blank.png: no face",
        "Empty: no picture has a face",
        "stray.png: left out, it is in no person's folder",
        "4 reference faces of 2 people",
        "4 faces in 3 pictures; 3 of known people",
    ):
        assert said in err
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == 3
    again = run(capsys, "identify", people, asked, people / "Grace" / "both.png", "--json")
    assert again[1] == out  # from the cache


def test_identify_says_unknown(
    capsys: Any, people: Path, tmp_path: Path, own_cache: Path, pictures: dict[str, np.ndarray]
) -> None:
    eileen = tmp_path / "eileen.png"
    Image.fromarray(pictures["astronaut.png"]).save(eileen)
    only = tmp_path / "only"
    (only / "Grace").mkdir(parents=True)
    (only / "Grace" / "one.png").write_bytes((people / "Grace/young/one.png").read_bytes())
    code, out, _ = run(capsys, "identify", only, eileen)
    assert code == 0
    assert out.splitlines()[1].split("  ")[2].startswith("unknown")
    code, out, _ = run(capsys, "identify", only, eileen, "--json")
    face = json.loads(out)["faces"][0]
    assert (face["name"], face["margin"], face["share"]) == (None, None, 0.0)
    assert face["distance"] > 0.6
    code, out, _ = run(capsys, "identify", only, eileen, "--csv", "--threshold", 2)
    row = next(csv.DictReader(io.StringIO(out)))
    assert (row["name"], row["candidate0"], row["margin"]) == ("Grace", "Grace", "")
    (tmp_path / "broken.png").write_bytes(b"")
    code, out, _ = run(capsys, "identify", only, tmp_path / "broken.png", eileen, "--json")
    assert code == 1
    assert ["error" in json.loads(line) for line in out.splitlines()] == [True, False]


def test_people_alike_among_the_references_are_warned_of(
    capsys: Any, people: Path, tmp_path: Path, own_cache: Path
) -> None:
    """The same pictures under two names: each is taken for the other when left out."""
    for name in ("Eileen", "Her_twin"):
        (tmp_path / "both" / name).mkdir(parents=True)
        for picture in ("one.png", "two.png"):
            source = people / "Eileen" / picture
            (tmp_path / "both" / name / picture).write_bytes(source.read_bytes())
    code, out, err = run(capsys, "identify", tmp_path / "both", people / "Eileen" / "one.png")
    assert code == 0
    assert "unknown" in out
    assert "at the threshold 0.6 about 100.0% of strangers (95 %: 34.2% to 100.0%)" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{people}/stray.png", "x.png"], "wanted a folder with a folder for each person"),
        (["{people}/Eileen", "x.png"], "wanted a folder for each person, found pictures only"),
        (["{people}", "x.png", "--threshold", "-1"], "--threshold: wanted a number above 0"),
        (["{people}", "x.png", "--json", "--csv"], "either --json or --csv"),
        (["{people}/Empty/..", "x.png", "--landmarks", "nothing"], "no model or file 'nothing'"),
    ],
)
def test_what_cannot_start_exits_with_2(
    capsys: Any, people: Path, words: list[str], said: str
) -> None:
    code, out, err = run(capsys, "identify", *(word.format(people=people) for word in words))
    assert (code, out) == (2, "")
    assert said in err


def test_references_without_a_face_cannot_start(capsys: Any, people: Path, tmp_path: Path) -> None:
    (tmp_path / "Empty").mkdir()
    (tmp_path / "Empty" / "a.png").write_bytes((people / "Empty" / "blank.png").read_bytes())
    code, _, err = run(capsys, "identify", tmp_path, people / "stray.png")
    assert code == 2
    assert "the references: no picture has a face" in err


def test_the_command_line_knows_the_default_without_the_module(capsys: Any) -> None:
    assert _NEIGHBOURS == NEIGHBOURS
    assert "phiz identify" in run(capsys, "identify", "--help")[1].split("Example:")[1]
