"""Decisions, which are hostile input, and trees that are written by them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phiz.cleaning import apply as apply_module
from phiz.cleaning import read_tree
from phiz.cleaning.apply import apply_plan, undo
from phiz.cleaning.decisions import Decisions, Plan, make_plan, read_decisions
from phiz.cleaning.journal import open_journal
from phiz.errors import OptionError

FILES = {
    "a/1.jpg": b"a one",
    "a/2.jpg": b"a two",
    "a/deep/1.jpg": b"a deep",
    "b/1.jpg": b"b one",
    "b/3.jpg": b"b three",
    "c/1.jpg": b"c one",
    "c/1_2.jpg": b"c two",
    "c/notes.txt": b"of c",
    "readme.md": b"of all",
}


def write_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Return every file of a tree but those beside its log."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".phiz-clean" not in path.parts
    }


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / ".phiz-clean/log.jsonl").read_text().splitlines()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "set", FILES)


def decide(tmp_path: Path, source: Path, *decisions: Any, name: str = "decisions.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps({"schema": 1, "root": str(source), "decisions": decisions}))
    return path


def drop(picture: Any) -> dict[str, Any]:
    return {"action": "drop", "picture": picture}


def keep(picture: Any) -> dict[str, Any]:
    return {"action": "keep", "picture": picture}


def move(picture: Any, to: Any) -> dict[str, Any]:
    return {"action": "move", "picture": picture, "to": to}


def merge(identity: Any, into: Any) -> dict[str, Any]:
    return {"action": "merge", "identity": identity, "into": into}


def plan_of(tmp_path: Path, source: Path, *decisions: Any) -> Plan:
    return make_plan(read_tree(source), read_decisions([decide(tmp_path, source, *decisions)]))


def test_every_kind_of_decision(tmp_path: Path, source: Path) -> None:
    chosen = [drop("a/2.jpg"), move("b/3.jpg", "a"), merge("c", "a"), keep("a/1.jpg")]
    plan = plan_of(tmp_path, source, *chosen)
    done = apply_plan(plan, tmp_path / "new")
    assert (done.written, done.dropped, done.aside) == (8, 1, 0)
    assert contents(tmp_path / "new") == {
        "a/1.jpg": b"a one",
        "a/deep/1.jpg": b"a deep",
        "a/3.jpg": b"b three",
        "b/1.jpg": b"b one",
        "a/1_2.jpg": b"c one",
        "a/1_2_2.jpg": b"c two",
        "a/notes.txt": b"of c",
        "readme.md": b"of all",
    }
    assert contents(source) == FILES
    log = log_of(tmp_path / "new")
    assert [line["op"] for line in log] == ["begin", "drop", *["write"] * 8, "end"]
    assert log[1]["name"] == "a/2.jpg"
    assert {line["from"] for line in log if line["op"] == "write"} == set(FILES) - {"a/2.jpg"}


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ([drop("../a/1.jpg")], "decision 1: wanted a name inside the folder"),
        ([drop("a/../b/1.jpg")], "wanted a name inside the folder"),
        ([drop("/etc/passwd")], "wanted a name inside the folder"),
        ([drop("C:/a.jpg")], "wanted a name inside the folder"),
        ([drop("a\\1.jpg")], "wanted a name inside the folder"),
        ([drop("a//1.jpg")], "wanted a name inside the folder"),
        ([drop("a/1.jpg\0")], "wanted a name inside the folder"),
        ([drop(".phiz-clean/log.jsonl")], "wanted a name inside the folder"),
        ([drop(3)], "wanted a name, found 3"),
        ([drop(None)], "wanted a name, found None"),
        ([drop(["a/1.jpg"])], "wanted a name, found"),
        ([keep("a/1.jpg"), drop("a/9.jpg")], "no picture 'a/9.jpg'"),
        ([drop("readme.md")], "'readme.md' is no picture of an identity"),
        ([drop("c/notes.txt")], "is no picture of an identity"),
        ([drop("a/link.jpg")], "a/link.jpg is no regular file or folder: not followed"),
        ([drop("linked/1.jpg")], "linked is no regular file or folder: not followed"),
        ([move("a/1.jpg", "linked")], "no identity 'linked' \\(it is a symbolic link\\)"),
        ([move("a/1.jpg", "z")], "no identity 'z'"),
        ([move("a/1.jpg", "../b")], "wanted a name inside the folder"),
        ([move("a/1.jpg", "a/deep")], "wanted the name of an identity"),
        ([merge("a", "z")], "no identity 'z'"),
        ([merge("z", "a")], "no identity 'z'"),
        ([merge("a", "..")], "wanted a name inside the folder"),
        ([merge("a", "a")], "a cannot be merged into itself"),
        ([merge("a", "b"), merge("b", "a")], "a and b are each merged into the other"),
        ([merge("a", "b"), merge("b", "c")], "a is merged into b, and that into c"),
        ([merge("a", "b"), merge("b", "c"), merge("c", "a")], "and that into"),
        ([merge("a", "b"), merge("a", "c")], "a is merged into b by another decision"),
        ([move("a/1.jpg", "b"), move("a/1.jpg", "c")], "decision 2: a/1.jpg is decided about by"),
        ([keep("a/1.jpg"), drop("a/1.jpg")], "is decided about by"),
        ([{"action": "burn", "picture": "a/1.jpg"}], "wanted an action"),
        ([{"action": ["drop"], "picture": "a/1.jpg"}], "wanted an action"),
        (["drop"], "wanted an object"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, source: Path, decisions: list[Any], message: str
) -> None:
    (source / "a" / "link.jpg").symlink_to(source / "b" / "1.jpg")
    (source / "linked").symlink_to(source / "b")
    with pytest.raises(OptionError, match=message):
        plan_of(tmp_path, source, *decisions)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not a file of decisions"),
        (b"[1", "not a file of decisions"),
        (b"[" * 100_000, "not a file of decisions"),
        (b"\xff\xfe\x00", "not a file of decisions"),
        (b"[]", 'wanted decisions with "schema": 1'),
        (b'{"schema": 2}', 'wanted decisions with "schema": 1, found 2'),
        (b'{"schema": 1, "root": 3, "decisions": []}', 'wanted "root", a folder'),
        (b'{"schema": 1, "root": "x", "decisions": {}}', '"decisions", a list'),
        (b'{"schema": 1, "root": "x"}' + b" " * 12_000_000, "at most 12000000 bytes"),
    ],
)
def test_files_that_are_no_decisions_say_so(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "decisions.json"
    path.write_bytes(text)
    with pytest.raises(OptionError, match=message):
        read_decisions([path])


def test_several_files_are_one_set_of_decisions(tmp_path: Path, source: Path) -> None:
    one = decide(tmp_path, source, drop("a/1.jpg"))
    other = decide(tmp_path, source, drop("b/1.jpg"), merge("c", "a"), name="decisions-2.json")
    found = read_decisions([one, other])
    assert found.dropped == {"a/1.jpg", "b/1.jpg"}
    assert found.merged == {"c": "a"}
    again = decide(tmp_path, source, keep("a/1.jpg"), name="decisions-3.json")
    with pytest.raises(OptionError, match=r"decisions-3.json, decision 1: a/1.jpg is decided"):
        read_decisions([one, again])
    elsewhere = decide(tmp_path, tmp_path, name="decisions-4.json")
    with pytest.raises(OptionError, match="wanted decisions about one data set"):
        read_decisions([one, elsewhere])


def test_a_picture_moved_to_someone_who_is_merged_goes_along(tmp_path: Path, source: Path) -> None:
    plan = plan_of(tmp_path, source, move("b/3.jpg", "a"), merge("a", "c"))
    assert plan.places["b/3.jpg"] == "c/3.jpg"
    assert plan.places["a/1.jpg"] == "c/1_3.jpg"


def test_a_folder_where_a_file_is_gets_another_name(tmp_path: Path) -> None:
    files = {"a/x/1.jpg": b"1", "b/x": b"file", "b/1.jpg": b"2", "c/x": b"also", "c/1.jpg": b"3"}
    source = write_tree(tmp_path / "set", files)
    plan = plan_of(tmp_path, source, merge("a", "b"), merge("c", "b"))
    apply_plan(plan, tmp_path / "new")
    assert sorted(contents(tmp_path / "new").values()) == sorted(files.values())


# What a tree may be written to


def test_the_new_tree_is_apart_from_the_data_set_and_new(tmp_path: Path, source: Path) -> None:
    plan = plan_of(tmp_path, source)
    (tmp_path / "link").symlink_to(source)
    for out in (source, source / "a", tmp_path, tmp_path / "link" / "new"):
        with pytest.raises(OptionError, match="wanted a folder apart from the data set"):
            apply_plan(plan, out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="wanted a new or empty folder"):
        apply_plan(plan, tmp_path / "full")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptionError, match="wanted a folder"):
        apply_plan(plan, tmp_path / "file")
    assert contents(source) == FILES


@pytest.mark.parametrize("link", [False, True])
def test_copies_or_hard_links(tmp_path: Path, source: Path, link: bool) -> None:
    os.utime(source / "a" / "1.jpg", ns=(10**18, 10**18))
    apply_plan(plan_of(tmp_path, source), tmp_path / "new", link=link)
    old, new = (source / "a" / "1.jpg").stat(), (tmp_path / "new" / "a" / "1.jpg").stat()
    assert (old.st_ino == new.st_ino) is link
    assert new.st_mtime_ns == 10**18
    assert contents(tmp_path / "new") == FILES


# Again, stopped, and taken back


def test_another_apply_changes_the_tree_and_undo_takes_it_back(
    tmp_path: Path, source: Path
) -> None:
    out = tmp_path / "new"
    apply_plan(plan_of(tmp_path, source, drop("a/2.jpg"), move("b/3.jpg", "a")), out)
    first = contents(out)
    again = apply_plan(plan_of(tmp_path, source, drop("a/2.jpg"), move("b/3.jpg", "a")), out)
    assert (again.written, again.aside) == (0, 0)
    assert len([line for line in log_of(out) if line["op"] == "begin"]) == 1
    done = apply_plan(plan_of(tmp_path, source, drop("b/1.jpg")), out)
    assert (done.written, done.aside) == (2, 2)
    assert contents(out) == {name: data for name, data in FILES.items() if name != "b/1.jpg"}
    back = undo(out)
    assert (back.written, back.aside, back.failed) == (2, 2, ())
    assert contents(out) == first
    assert not (out / ".phiz-clean" / "aside" / "2").exists()
    undo(out)
    assert contents(out) == {}
    assert [path.name for path in out.iterdir()] == [".phiz-clean"]
    with pytest.raises(OptionError, match="no apply to take back"):
        undo(out)
    apply_plan(plan_of(tmp_path, source), out)
    assert contents(out) == FILES
    assert contents(source) == FILES


def test_undo_leaves_what_was_changed_and_what_is_the_only_one(
    tmp_path: Path, source: Path
) -> None:
    out = tmp_path / "new"
    apply_plan(plan_of(tmp_path, source), out)
    (out / "a" / "1.jpg").write_bytes(b"changed")
    (out / "mine.txt").write_bytes(b"mine")
    (source / "b" / "1.jpg").unlink()
    done = undo(out)
    assert len(done.failed) == 2
    assert all("left alone" in problem for problem in done.failed)
    assert contents(out) == {"a/1.jpg": b"changed", "b/1.jpg": b"b one", "mine.txt": b"mine"}


def test_a_changed_file_goes_aside_and_one_that_is_gone_comes_back(
    tmp_path: Path, source: Path
) -> None:
    out = tmp_path / "new"
    plan = plan_of(tmp_path, source)
    apply_plan(plan, out)
    (out / "a" / "1.jpg").write_bytes(b"changed")
    (out / "b" / "3.jpg").unlink()
    done = apply_plan(plan, out)
    assert (done.written, done.aside) == (2, 1)
    assert contents(out) == FILES
    undo(out)
    expected = {**FILES, "a/1.jpg": b"changed"}
    del expected["b/3.jpg"]
    assert contents(out) == expected


def test_what_is_in_the_way_stops_before_anything_is_written(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "new"
    apply_plan(plan_of(tmp_path, source, merge("c", "a"), drop("a/deep/1.jpg")), out)
    (out / "c").write_text("mine")
    with pytest.raises(OptionError, match="in the way"):
        apply_plan(plan_of(tmp_path, source), out)
    (out / "c").unlink()
    (out / "c").symlink_to(source / "b")
    with pytest.raises(OptionError, match="in the way"):
        apply_plan(plan_of(tmp_path, source), out)
    assert contents(source) == FILES


class Stopped(BaseException):
    """What Ctrl-C raises, wherever it comes."""


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Stop at the n-th call of anything that changes a tree or its log."""
    left = [after]

    def wrap(work: Any) -> Any:
        def run(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Stopped
            return work(*arguments, **options)

        return run

    for name in ("rename", "replace", "link"):
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))
    monkeypatch.setattr(Path, "unlink", wrap(Path.unlink))
    journal = apply_module.Journal
    monkeypatch.setattr(journal, "write", wrap(journal.write))


@pytest.mark.parametrize("link", [False, True])
def test_stopped_anywhere_the_same_call_finishes_and_undo_still_works(
    tmp_path: Path, source: Path, link: bool
) -> None:
    """Every point at which the second apply, and its undo, can be stopped."""
    plans = [
        plan_of(tmp_path, source, drop("a/2.jpg"), merge("b", "a")),
        plan_of(tmp_path, source, move("a/1.jpg", "c"), drop("b/3.jpg")),
    ]
    wanted = []
    for number, plan in enumerate(plans):
        apply_plan(plan, tmp_path / f"whole{number}")
        wanted.append(contents(tmp_path / f"whole{number}"))
    for after in range(100):
        out = tmp_path / f"new{after}"
        apply_plan(plans[0], out, link=link)
        with pytest.MonkeyPatch.context() as patch:
            stopping(patch, after)
            try:
                apply_plan(plans[1], out, link=link)
                applied = True
            except Stopped:
                applied = False
        begun = len(open_journal(out).runs) == 2
        if begun and not applied:
            with pytest.raises(OptionError, match="other decisions"):
                apply_plan(plans[0], out, link=link)
        if after % 2 or not begun:  # finish, or take back what there is of it
            apply_plan(plans[1], out, link=link)
            assert contents(out) == wanted[1], after
        with pytest.MonkeyPatch.context() as patch:
            stopping(patch, after)
            try:
                undo(out)
                undone = True
            except Stopped:
                undone = False
        if not undone:
            if open_journal(out).last.undoing:  # type: ignore[union-attr]
                with pytest.raises(OptionError, match="an undo was stopped"):
                    apply_plan(plans[1], out, link=link)
            assert undo(out).failed == ()
        assert contents(out) == wanted[0], after
        assert contents(source) == FILES
        if applied and undone:
            assert after > 10
            return
    raise AssertionError("it never came to its end")


def test_a_log_that_lost_its_end_is_gone_on_with(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "new"
    plan = plan_of(tmp_path, source, drop("a/1.jpg"))
    apply_plan(plan, out)
    log = out / ".phiz-clean" / "log.jsonl"
    whole = log.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        log.write_bytes(whole[:cut])
        apply_plan(plan, out)
        lines = log_of(out)
        assert lines[-1]["op"] == "end"
        assert {line["name"] for line in lines if line["op"] == "drop"} == {"a/1.jpg"}
        assert contents(out).items() <= FILES.items()
        assert len(contents(out)) == 8


# Hostile trees


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"3",
        b"[]",
        b'{"op": "begin", "run": 5, "root": "/"}',
        b'{"op": "begin", "run": 2, "root": 3}',
        b'{"op": "write", "name": "../victim", "from": "a/1.jpg"}',
        b'{"op": "write", "name": "/victim", "from": "a/1.jpg"}',
        b'{"op": "write", "name": "a/1.jpg", "from": "../../x"}',
        b'{"op": "aside", "name": "a/1.jpg", "to": "../../victim"}',
        b'{"op": "aside", "name": "a/1.jpg", "to": "log.jsonl"}',
        b'{"op": "wipe"}',
        b"[" * 200_000,
        b'{"op": "' + b"x" * (1 << 20),
    ],
)
def test_hostile_logs_are_refused(tmp_path: Path, source: Path, line: bytes) -> None:
    out = tmp_path / "new"
    plan = plan_of(tmp_path, source)
    apply_plan(plan, out)
    with open(out / ".phiz-clean" / "log.jsonl", "ab") as log:
        log.write(line + b"\n")
    for work in (lambda: undo(out), lambda: apply_plan(plan, out)):
        with pytest.raises(OptionError, match=r"log.jsonl, line 12: wanted"):
            work()
    assert contents(out) == FILES


@pytest.mark.parametrize("place", [".phiz-clean", ".phiz-clean/log.jsonl"])
def test_a_log_behind_a_link_is_refused(tmp_path: Path, source: Path, place: str) -> None:
    out, victim = tmp_path / "new", tmp_path / "victim"
    plan = plan_of(tmp_path, source)
    apply_plan(plan, out)
    (out / place).rename(victim)
    (out / place).symlink_to(victim)
    for work in (lambda: undo(out), lambda: apply_plan(plan, out)):
        with pytest.raises(OptionError, match="symbolic link"):
            work()


def test_links_in_the_tree_lead_nowhere(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "new"
    plan = plan_of(tmp_path, source)
    apply_plan(plan, out)
    victim = write_tree(tmp_path / "victim", {"1.jpg": b"c one", "1_2.jpg": b"c two"})
    for path in sorted((out / "c").iterdir()):
        path.unlink()
    (out / "c").rmdir()
    (out / "c").symlink_to(victim)
    with pytest.raises(OptionError, match="in the way: wanted a folder"):
        apply_plan(plan, out)
    done = undo(out)
    assert len(done.failed) == 2
    assert contents(victim) == {"1.jpg": b"c one", "1_2.jpg": b"c two"}
    # A part of a copy that is a link is not written through.
    again = tmp_path / "again"
    apply_plan(plan_of(tmp_path, source, drop("a/1.jpg")), again)
    (again / ".phiz-clean" / "part").symlink_to(victim / "1.jpg")
    (again / ".phiz-clean" / "aside").symlink_to(victim)
    apply_plan(plan, again)
    with pytest.raises(OptionError, match="leads out of the tree"):
        apply_plan(plan_of(tmp_path, source, drop("a/2.jpg")), again)
    assert contents(victim) == {"1.jpg": b"c one", "1_2.jpg": b"c two"}


def test_a_picture_that_became_a_link_is_not_followed(tmp_path: Path, source: Path) -> None:
    plan = plan_of(tmp_path, source)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (source / "a" / "1.jpg").unlink()
    (source / "a" / "1.jpg").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        apply_plan(plan, tmp_path / "new")
    assert b"secret" not in contents(tmp_path / "new").values()


# Properties

NAMES = st.sampled_from(["1.jpg", "2.jpg", "1_2.jpg", "x.png", "deep/1.jpg", "deep", "n.txt"])
PLACES = st.tuples(st.sampled_from(["a", "b", "c", "d"]), NAMES)


@st.composite
def trees(draw: Any) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for person, name in draw(st.lists(PLACES, min_size=1, max_size=14, unique=True)):
        parts = f"{person}/{name}"
        inside = any(other.startswith(f"{parts}/") for other in files)
        if not inside and not any(parts.startswith(f"{other}/") for other in files):
            files[parts] = parts.encode()
    return files


def draw_decisions(data: Any, root: Path) -> Decisions:
    tree = read_tree(root)
    people = list(tree.identities)
    target = st.sampled_from(people or [""])
    actions = {
        picture: data.draw(st.sampled_from(["keep", "drop", "move", ""]))
        for picture in tree.pictures
    }
    moved = {picture: data.draw(target) for picture, action in actions.items() if action == "move"}
    into = set(people[: len(people) // 2])
    merged = {
        person: data.draw(st.sampled_from(sorted(into)))
        for person in people
        if into and person not in into and data.draw(st.booleans())
    }
    return Decisions(
        str(root),
        frozenset(picture for picture, action in actions.items() if action == "keep"),
        frozenset(picture for picture, action in actions.items() if action == "drop"),
        moved,
        merged,
    )


def test_a_file_takes_the_place_of_a_folder_that_apply_wrote(tmp_path: Path) -> None:
    files = {"a/1.jpg": b"1", "b/deep.jpg/1.jpg": b"2", "c/deep.jpg": b"3"}
    root, out = write_tree(tmp_path / "set", files), tmp_path / "new"
    for person, place in (("b", "a/deep.jpg/1.jpg"), ("c", "a/deep.jpg")):
        merged = Decisions(str(root), frozenset(), frozenset(), {}, {person: "a"})
        apply_plan(make_plan(read_tree(root), merged), out)
        assert place in contents(out)
    assert sorted(contents(out).values()) == [b"1", b"2", b"3"]
    assert undo(out).failed == ()
    assert "a/deep.jpg/1.jpg" in contents(out)
    (out / "a" / "deep.jpg" / "mine.txt").write_text("mine")
    merged = Decisions(str(root), frozenset(), frozenset(), {}, {"c": "a"})
    with pytest.raises(OptionError, match="is in the way"):
        apply_plan(make_plan(read_tree(root), merged), out)


@settings(max_examples=60)
@given(files=trees(), data=st.data(), link=st.booleans())
def test_no_file_is_ever_lost(files: dict[str, bytes], data: Any, link: bool) -> None:
    """Each file is in the new tree once, or named as dropped in the log; applies go back."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = write_tree(Path(folder) / "set", files), Path(folder) / "new"
        states: list[dict[str, bytes]] = [{}]
        for _ in range(data.draw(st.integers(1, 3))):
            plan = make_plan(read_tree(root), draw_decisions(data, root))
            before = len(log_of(out)) if out.exists() else 0
            apply_plan(plan, out, link=link)
            found = contents(out)
            assert sorted([*found.values(), *(files[n] for n in plan.dropped)]) == sorted(
                files.values()
            )
            lines = log_of(out)[before:]
            if lines:
                assert {li["name"] for li in lines if li["op"] == "drop"} == set(plan.dropped)
                states.append(found)
            assert contents(root) == files
        for state in reversed(states[:-1]):
            assert undo(out).failed == ()
            assert contents(out) == state
        assert contents(root) == files
