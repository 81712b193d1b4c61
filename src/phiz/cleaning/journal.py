"""The log of a tree that was written: what every apply did, and what was taken back.

JSON lines in ``.phiz-clean/log.jsonl`` of the tree.  A run is ``begin``, the names that are not in
the tree (``drop``, ``left out``), then ``aside`` and ``write``, then ``end``; taking it back adds
``undo`` and ``undone``.  A line is written before what it says is done, and that is done before the
next line: only what the last line says can be missing.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from phiz.cleaning.tree import STATE, relative_name
from phiz.errors import OptionError

__all__ = ["Journal", "Run", "Step", "open_journal"]

_NAME = "log.jsonl"
_LONGEST = 1 << 20  # bytes of a line


class Step(NamedTuple):
    """Something done to the tree.

    write: the file ``name`` of the tree was made from ``other`` of the data set.
    aside: the file ``name`` of the tree went to ``other`` in ``.phiz-clean``.
    """

    operation: str
    name: str
    other: str


@dataclass(slots=True)
class Run:
    """One apply.

    number: from 1.  digest: of its plan.  root: the data set.  steps: what it did, in order.
    named: how many names the log has of what is not in the tree.
    ended, undoing, undone: how far it came.
    """

    number: int
    digest: str
    root: str
    steps: list[Step] = field(default_factory=list)
    named: int = 0
    ended: bool = False
    undoing: bool = False
    undone: bool = False


class Journal:
    """The log of one tree."""

    def __init__(self, out: Path) -> None:
        self.out, self.state = out, out / STATE
        self.path = self.state / _NAME
        self.runs: list[Run] = []

    @property
    def last(self) -> Run | None:
        """The last apply that was not taken back."""
        return next((run for run in reversed(self.runs) if not run.undone), None)

    def files(self) -> dict[str, str]:
        """Return the files that are in the tree by the log: name there to name in the data set."""
        found: dict[str, str] = {}
        for run in self.runs:
            for step in run.steps if not run.undone else ():
                if step.operation == "write":
                    found[step.name] = step.other
                else:
                    found.pop(step.name, None)
        return found

    def begin(self, digest: str, root: Path) -> Run:
        """Begin a run."""
        run = Run(len(self.runs) + 1, digest, str(root))
        line = {"op": "begin", "run": run.number, "digest": digest, "root": run.root}
        self.write(line, sync=True)
        self.runs.append(run)
        return run

    def step(self, run: Run, operation: str, name: str, other: str) -> None:
        """Say what will be done next."""
        self.write({"op": operation, "name": name, "from" if operation == "write" else "to": other})
        run.steps.append(Step(operation, name, other))

    def write(self, *lines: dict[str, Any], sync: bool = False) -> None:
        """Add lines; sync: wait until they are on the disk."""
        with open(self.path, "ab") as file:
            file.writelines(json.dumps(line).encode() + b"\n" for line in lines)
            if sync:
                file.flush()
                os.fsync(file.fileno())


def open_journal(out: Path) -> Journal:
    """Read the log of a tree; an empty one where there is none.

    A last line that was cut off, by a machine that lost power, is taken away: what it said was not
    done.  Raises OptionError with the line that is no line of such a log, or that names something
    outside of the tree, and where links lead out of the tree.
    """
    journal = Journal(out)
    for path in (journal.state, journal.path):
        if path.is_symlink():
            raise OptionError(f"{path}: found a symbolic link, which apply never makes")
    if not journal.path.exists():
        return journal
    whole = 0
    with open(journal.path, "rb") as file:
        for number, text in enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1):
            if not text.endswith(b"\n") and len(text) < _LONGEST:
                break
            _read(journal, text, f"{journal.path}, line {number}")
            whole += len(text)
    if os.path.getsize(journal.path) > whole:
        os.truncate(journal.path, whole)
    return journal


def _read(journal: Journal, text: bytes, where: str) -> None:
    """Take one line into the runs."""
    try:
        line = json.loads(text)
        operation = line["op"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise OptionError(f"{where}: wanted a line that phiz clean apply writes") from None
    run = journal.last
    if operation == "begin":
        number = len(journal.runs) + 1
        if line.get("run") != number or not isinstance(line.get("root"), str):
            raise OptionError(f"{where}: wanted run {number} and its data set")
        journal.runs.append(Run(number, str(line.get("digest")), line["root"]))
    elif run is None:
        raise OptionError(f"{where}: wanted the beginning of a run")
    elif operation == "end":
        run.ended = True
    elif operation == "undo":
        run.undoing = True
    elif operation == "undone":
        run.undone = True
    elif operation == "write":
        name, source = (relative_name(line.get(key), where) for key in ("name", "from"))
        run.steps.append(Step("write", name, source))
    elif operation == "aside":
        name, place = (relative_name(line.get(key), where) for key in ("name", "to"))
        if not place.startswith("aside/"):
            raise OptionError(f"{where}: wanted a place in aside/, found {place!r:.100}")
        run.steps.append(Step("aside", name, place))
    elif operation in ("drop", "left out"):
        run.named += 1
    else:
        raise OptionError(f"{where}: wanted a line that phiz clean apply writes")
