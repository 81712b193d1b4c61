"""What was decided about proposals, and where every file of a data set goes by it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from phiz.cleaning.proposals import SCHEMA
from phiz.cleaning.tree import Tree, identity_of, relative_name
from phiz.errors import OptionError

__all__ = ["Decisions", "Plan", "make_plan", "read_decisions"]

_LARGEST = 12_000_000  # bytes of a file of decisions; parsed they take 25 times that at worst


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided, each thing once.

    root: the data set, as the file says it.  kept, dropped: pictures.  moved: pictures, and the
    identity each goes to.  merged: identities, and the one each goes into.
    """

    root: str
    kept: frozenset[str]
    dropped: frozenset[str]
    moved: Mapping[str, str]
    merged: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every file goes.

    root: the data set.  places: the name in the new tree of each file that goes there, by its name
    in the data set.  dropped: files that do not, each named in the log.  left_out: names that are
    no regular files.
    """

    root: Path
    places: Mapping[str, str]
    dropped: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Equal for plans that write the same tree."""
        parts = [os.fspath(self.root), sorted(self.places.items()), self.dropped]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _wrong(where: str, want: str, found: object) -> OptionError:
    return OptionError(f"{where}: wanted {want}, found {found!r:.120}")


def _load(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > _LARGEST:
        raise OptionError(f"{path}: wanted at most {_LARGEST} bytes of decisions, found {size}")
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path}: not a file of decisions: {error}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else record
        raise _wrong(str(path), f'decisions with "schema": {SCHEMA}', found)
    if not isinstance(record.get("root"), str) or not isinstance(record.get("decisions"), list):
        raise OptionError(f'{path}: wanted "root", a folder, and "decisions", a list')
    return record


def read_decisions(paths: Sequence[Path]) -> Decisions:
    """Read files of decisions of one data set.

    A file is ``{"schema": 1, "root": str, "decisions": [...]}``, with decisions
    ``{"action": "keep" | "drop", "picture": str}``, ``{"action": "move", "picture": str, "to":
    identity}`` and ``{"action": "merge", "identity": str, "into": identity}``; further fields are
    ignored.  Whatever the files say is only a name until :func:`make_plan` has found it.

    Raises OptionError for what does not read so, for a picture or an identity that is decided about
    twice, and OSError.
    """
    roots: set[str] = set()
    pictures: dict[str, str] = {}  # where each was decided
    moved: dict[str, str] = {}
    merged: dict[str, str] = {}
    by_action: dict[str, set[str]] = {"keep": set(), "drop": set(), "move": set()}
    for path in paths:
        record = _load(path)
        roots.add(record["root"])
        for number, decision in enumerate(record["decisions"], start=1):
            where = f"{path}, decision {number}"
            if not isinstance(decision, dict):
                raise _wrong(where, "an object", decision)
            action = decision.get("action")
            if action == "merge":
                one = _identity(decision.get("identity"), where)
                if one in merged:
                    raise OptionError(
                        f"{where}: {one} is merged into {merged[one]} by another decision"
                    )
                merged[one] = _identity(decision.get("into"), where)
                continue
            if not isinstance(action, str) or action not in by_action:
                raise _wrong(where, "an action: keep, move, merge or drop", action)
            picture = relative_name(decision.get("picture"), where)
            if picture in pictures:
                raise OptionError(
                    f"{where}: {picture} is decided about by {pictures[picture]} already"
                )
            pictures[picture] = where
            by_action[action].add(picture)
            if action == "move":
                moved[picture] = _identity(decision.get("to"), where)
    if len(roots) != 1:
        raise OptionError(f"wanted decisions about one data set, found {', '.join(sorted(roots))}")
    kept, dropped = frozenset(by_action["keep"]), frozenset(by_action["drop"])
    return Decisions(roots.pop(), kept, dropped, moved, merged)


def _identity(value: object, where: str) -> str:
    name = relative_name(value, where)
    if "/" in name:
        raise _wrong(where, "the name of an identity", name)
    return name


def make_plan(tree: Tree, decisions: Decisions) -> Plan:
    """Say where every file of a tree goes.

    A file keeps its name and its place inside the identity.  Where two would have one name, the
    one that was there before keeps it, and the others get ``_2``, ``_3`` and so on.  A picture that
    is moved to an identity that is merged goes where that goes.  Nothing is written.

    Raises OptionError for pictures and identities that are not in the tree, among them symbolic
    links, and for merges in a chain or a circle.
    """
    files, pictures, identities = set(tree.files), set(tree.pictures), set(tree.identities)
    left_out = set(tree.left_out)
    for name in sorted({*decisions.kept, *decisions.dropped, *decisions.moved}):
        if name not in pictures:
            _explain_unknown(tree, name, name in files, left_out)
    for name in sorted({*decisions.moved.values(), *decisions.merged, *decisions.merged.values()}):
        if name not in identities:
            link = " (it is a symbolic link)" if name in left_out else ""
            raise OptionError(f"{tree.root}: no identity {name!r:.200}{link}")
    for one, into in sorted(decisions.merged.items()):
        if one == into:
            raise OptionError(f"{one} cannot be merged into itself")
        if into in decisions.merged:
            last = decisions.merged[into]
            if last == one:
                raise OptionError(f"{one} and {into} are each merged into the other: choose one")
            raise OptionError(
                f"{one} is merged into {into}, and that into {last}: say for both where they go"
            )
    return _place(tree, decisions)


def _explain_unknown(tree: Tree, name: str, known: bool, left_out: set[str]) -> None:
    parts = PurePosixPath(name)
    if known:
        raise OptionError(f"{tree.root}: {name!r:.200} is no picture of an identity")
    for each in (parts, *parts.parents):
        if str(each) in left_out:
            raise OptionError(f"{tree.root}: {each} is no regular file or folder: not followed")
    raise OptionError(f"{tree.root}: no picture {name!r:.200}")


def _place(tree: Tree, decisions: Decisions) -> Plan:
    wanted: dict[str, str] = {}
    for name in tree.files:
        if name in decisions.dropped:
            continue
        identity = decisions.moved.get(name, identity_of(name))
        identity = decisions.merged.get(identity, identity)
        inside = name.partition("/")[2] or name
        wanted[name] = f"{identity}/{inside}" if identity else name
    taken = {name for name, place in wanted.items() if place == name}
    folders = {str(parent) for name in wanted.values() for parent in PurePosixPath(name).parents}
    places = {}
    for name in tree.files:
        if name in wanted:
            place = wanted[name]
            if place != name:
                place = _free(place, taken, folders)
                taken.add(place)
            places[name] = place
    return Plan(tree.root, places, tuple(sorted(decisions.dropped)), tree.left_out)


def _free(place: str, taken: set[str], folders: set[str]) -> str:
    """Return the name, or the first with a suffix that nobody has."""
    path = PurePosixPath(place)
    if any(str(parent) in taken for parent in path.parents):  # a file is where a folder would be
        identity, _, inside = place.partition("/")
        path = PurePosixPath(identity, inside.replace("/", "_"))
    number, found = 1, str(path)
    while found in taken or found in folders:
        number += 1
        found = str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
    return found
