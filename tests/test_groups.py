"""Error rates per group of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.cli import main
from phiz.errors import OptionError
from phiz.evaluation.groups import read_groups


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make vectors of 80 people; those of group b are nearer to each other."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    spread = np.where(np.arange(80) < 40, 0.2, 0.1)[:, None]
    middles = random.normal(0, 1, (80, 16)) * spread
    names, rows = [], []
    for person in range(80):
        for number in range(3):
            names.append(f"p{person:02}/{number}.jpg")
            rows.append(middles[person] + random.normal(0, 0.04, 16))
            (folder / names[-1]).parent.mkdir(exist_ok=True)
            (folder / names[-1]).write_bytes(b"")
    np.save(folder / "vectors.npy", np.array(rows, np.float32))
    (folder / "names.txt").write_text("\n".join(names))
    lines = ["person,kind,sex"]
    lines += [f"p{person:02},{'a' if person < 40 else 'b'},{'f' if person < 5 else ''}"
              for person in range(80)]  # fmt: skip
    (folder / "groups.csv").write_text("\n".join(lines))
    return folder


def evaluate(capsys: Any, people: Path, *words: str) -> dict[str, Any]:
    given = ["--vectors", str(people / "vectors.npy"), "--names", str(people / "names.txt")]
    groups = ["--groups", str(people / "groups.csv"), "--threshold", "0.7", "--json"]
    assert main(["eval", *words, *given, *groups]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def by_hand(people: Path, first: int, last: int) -> tuple[float, float]:
    """Return FMR and FNMR at 0.7 of the people from ``first`` to before ``last``."""
    vectors = np.load(people / "vectors.npy").astype(np.float64)[3 * first : 3 * last]
    who = np.repeat(np.arange(last - first), 3)
    one, other = np.triu_indices(len(who), 1)
    distances = np.sqrt(((vectors[one] - vectors[other]) ** 2).sum(axis=1))
    same = who[one] == who[other]
    return float((distances[~same] < 0.7).mean()), float((distances[same] >= 0.7).mean())


def test_rates_of_each_group_are_those_of_its_own_pairs(people: Path, capsys: Any) -> None:
    found = evaluate(capsys, people, "folder", str(people))
    groups = {(each["column"], each["group"]): each for each in found["groups"]}
    assert list(groups) == [("kind", "a"), ("kind", "b"), ("sex", "f")]
    for group, ends in (("a", (0, 40)), ("b", (40, 80))):
        mine = groups["kind", group]
        fmr, fnmr = by_hand(people, *ends)
        assert mine["false_match_rate"]["value"] == pytest.approx(fmr, abs=1e-9)
        assert mine["false_non_match_rate"]["value"] == pytest.approx(fnmr, abs=1e-9)
        assert (mine["people"], mine["impostor_pairs"]) == (40, 40 * 39 // 2 * 9)
        low, high = mine["false_match_rate"]["interval"]
        assert low <= fmr <= high
    assert groups["kind", "a"]["reference"]
    ratio = groups["kind", "b"]["false_match_ratio"]
    assert ratio["value"] == pytest.approx(by_hand(people, 40, 80)[0] / by_hand(people, 0, 40)[0])
    assert 1 < ratio["interval"][0] < ratio["value"] < ratio["interval"][1]
    assert groups["kind", "a"]["false_match_ratio"]["interval"] == [1.0, 1.0]
    assert "only 5 people" in groups["sex", "f"]["warnings"]


def test_listed_pairs_and_a_chosen_reference(people: Path, capsys: Any, tmp_path: Path) -> None:
    rows = ["left,right,same"]
    rows += [f"p{n:02}/0.jpg,p{n:02}/1.jpg,1" for n in range(80)]
    rows += [f"p{n:02}/0.jpg,p{(n + 1) % 80:02}/2.jpg,0" for n in range(80)]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    found = evaluate(capsys, people, "pairs", str(tmp_path / "pairs.csv"), "--reference", "b")
    groups = {each["group"]: each for each in found["groups"]}
    assert groups["b"]["reference"]
    assert not groups["a"]["reference"]
    # The pairs of people 39 and 40, and of 79 and 0, are of two groups.
    assert [groups[name]["impostor_pairs"] for name in "ab"] == [39, 39]
    assert [groups[name]["genuine_pairs"] for name in "ab"] == [40, 40]


def test_the_page_and_the_terminal_show_them(people: Path, capsys: Any, tmp_path: Path) -> None:
    given = ["--vectors", str(people / "vectors.npy"), "--names", str(people / "names.txt")]
    words = [*given, "--groups", str(people / "groups.csv"), "--threshold", "0.7"]
    assert main(["eval", "folder", str(people), *words, "--out", str(tmp_path)]) == 0
    assert "a (reference)" in capsys.readouterr().out
    assert "a (reference)" in (tmp_path / "report.html").read_text()
    assert len(json.loads((tmp_path / "report.json").read_text())["models"][0]["groups"]) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "found nothing"),
        ("name,sex\na,f", "line 1: wanted a header person"),
        ("person\na", "line 1"),
        ("person,sex,sex\na,f,f", "each column once"),
        ("person,sex\na,f,x", "line 2: wanted 2 columns, found 3"),
        ("person,sex\na,f\na,m", "line 3: 'a' is said to be both 'f' and 'm'"),
        ("person,n\n" + "\n".join(f"p{n},{n}" for n in range(1001)), "at most 1000 groups"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "groups.csv"
    file.write_text(content)
    with pytest.raises(OptionError, match=r"groups\.csv") as error:
        read_groups(file)
    assert said in str(error.value)


def test_groups_that_name_nobody_are_an_error(people: Path, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text("person,sex\nsomebody,f\n")
    given = ["--vectors", str(people / "vectors.npy"), "--names", str(people / "names.txt")]
    words = [*given, "--threshold", "0.7"]
    for groups, more, said in (
        (tmp_path / "groups.csv", [], "none of the pictures is in one"),
        (people / "groups.csv", ["--reference", "z"], "'z' is no group"),
    ):
        command = ["eval", "folder", str(people), *words, "--groups", str(groups), *more]
        assert main(command) == 2
        assert said in capsys.readouterr().err
