"""Write a data set anew by a plan, go on where that was stopped, and take it back."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from phiz.cleaning.decisions import Plan
from phiz.cleaning.journal import Journal, Run, open_journal
from phiz.cleaning.tree import STATE
from phiz.errors import OptionError

__all__ = ["Applied", "apply_plan", "undo"]

_PART = "part"  # a copy that is being made


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done.

    written: files written, or by an undo taken away.  dropped, left_out: files that are not in the
    tree.  aside: files that went aside, or by an undo came back.  failed: why files could not be
    taken back.
    """

    written: int = 0
    dropped: int = 0
    left_out: int = 0
    aside: int = 0
    failed: tuple[str, ...] = ()


def _same(one: Path, other: Path, *, whole: bool) -> bool:
    """Say whether two paths, links not followed, are files with the same content.

    whole: compare every byte; otherwise the same size and time are enough.
    """
    try:
        first, second = one.lstat(), other.lstat()
        if not (stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode)):
            return False
        if os.path.samestat(first, second):
            return True
        if first.st_size != second.st_size:
            return False
        if first.st_mtime_ns == second.st_mtime_ns and not whole:
            return True
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _leads_inside(root: Path, name: str) -> bool:
    """Say whether the folder of a name is where it says, without a link on the way."""
    parent = Path(os.path.realpath((root / name).parent))
    return parent == Path(os.path.realpath(root), name).parent


def _check_place(plan: Plan, out: Path) -> None:
    """Raise OptionError if the new tree cannot be at ``out``."""
    real = Path(os.path.realpath(out))
    if real.is_relative_to(plan.root) or plan.root.is_relative_to(real):
        raise OptionError(f"--out {out}: wanted a folder apart from the data set {plan.root}")
    if os.path.lexists(out) and not out.is_dir():
        raise OptionError(f"--out {out}: wanted a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / STATE).is_dir():
        raise OptionError(f"--out {out}: wanted a new or empty folder, or one that apply wrote")


def _check_free(journal: Journal, plan: Plan, known: dict[str, str]) -> None:
    """Raise OptionError if something that apply did not write is in the way of the plan."""
    folders: set[Path] = set()
    for place in plan.places.values():
        path = journal.out / place
        if place not in known and os.path.lexists(path) and not _is_written(path, journal, known):
            raise OptionError(f"{path} is in the way: apply did not write it")
        folders.update(parent for parent in path.parents if parent.is_relative_to(journal.out))
    for folder in sorted(folders - {journal.out}):
        real = folder.is_dir() and not folder.is_symlink()
        name = folder.relative_to(journal.out).as_posix()
        if os.path.lexists(folder) and not real and name not in known:
            raise OptionError(f"{folder} is in the way: wanted a folder")


def _is_written(folder: Path, journal: Journal, known: dict[str, str]) -> bool:
    """Say whether a path is a folder in which apply wrote everything there is.

    Where the plan has a file of that name, all of them go aside first.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    for here, folders, files in os.walk(folder):
        inside = [Path(here, name) for name in folders + files]
        names = [path for path in inside if path.is_symlink() or not path.is_dir()]
        if not inside or any(
            path.relative_to(journal.out).as_posix() not in known for path in names
        ):
            return False
    return True


def apply_plan(
    plan: Plan,
    out: Path,
    *,
    link: bool = False,
    progress: Callable[[int], None] = lambda _files: None,
) -> Applied:
    """Write the tree of a plan; the data set is only read.

    out: a new or empty folder, or one that an earlier apply wrote: then it becomes what the plan
        says, and files that the plan does not have there, or that were changed, go aside into its
        ``.phiz-clean``.
    link: hard links instead of copies; both trees then share the files.
    progress: called with numbers of files, ``len(plan.places)`` in all.

    The log, see :mod:`phiz.cleaning.journal`, names every file of the data set.  A run that was
    stopped at any point is finished by the same call.  Raises OptionError before anything is
    written, and OSError: what was written until then stays, and the next call goes on there.
    """
    out = Path(os.path.abspath(out))
    _check_place(plan, out)
    journal = open_journal(out)
    run = journal.last
    if run is not None and run.undoing:
        raise OptionError(f"{out}: an undo was stopped; finish it with --undo")
    if run is not None and not run.ended:
        if run.digest != plan.digest:
            raise OptionError(
                f"{out}: an apply of other decisions, or of a data set that has changed since, "
                "was stopped; finish it with these, or take it back with --undo"
            )
        _finish_aside(journal, run)
        _adopt(journal, run, plan)
    known = journal.files()
    _check_free(journal, plan, known)
    wanted = {place: name for name, place in plan.places.items()}
    stale = [
        place
        for place, name in sorted(known.items())
        if wanted.get(place) != name
        or (os.path.lexists(out / place) and not _same(plan.root / name, out / place, whole=False))
    ]
    missing = [
        place
        for place in sorted(wanted)
        if known.get(place) != wanted[place]
        or not _same(plan.root / wanted[place], out / place, whole=False)
    ]
    done = Applied(0, len(plan.dropped), len(plan.left_out))
    if run is not None and run.ended and run.digest == plan.digest and not (stale or missing):
        return done
    journal.state.mkdir(parents=True, exist_ok=True)
    if run is None or run.ended:
        run = journal.begin(plan.digest, plan.root)
    if run.named < len(plan.dropped) + len(plan.left_out):
        journal.write(
            *({"op": "drop", "name": name} for name in plan.dropped),
            *({"op": "left out", "name": name} for name in plan.left_out),
        )
    for place in stale:
        _put_aside(journal, run, place)
    progress(len(wanted) - len(missing))
    for place in missing:
        journal.step(run, "write", place, wanted[place])
        _write(plan.root / wanted[place], journal, place, link=link)
        progress(1)
    journal.write({"op": "end", "run": run.number, "written": len(missing)}, sync=True)
    return replace(done, written=len(missing), aside=len(stale))


def _finish_aside(journal: Journal, run: Run) -> None:
    """Do what the last line of a stopped run says, if that is to put a file aside."""
    if run.steps and run.steps[-1].operation == "aside":
        _, name, place = run.steps[-1]
        if not os.path.lexists(journal.state / place):
            _rename(journal.out, name, f"{STATE}/{place}")


def _adopt(journal: Journal, run: Run, plan: Plan) -> None:
    """Log the files that a stopped run wrote, where the log lost the lines that say so."""
    known = journal.files()
    for name, place in plan.places.items():
        if place not in known and _same(plan.root / name, journal.out / place, whole=True):
            journal.step(run, "write", place, name)


def _put_aside(journal: Journal, run: Run, name: str) -> None:
    number, place = 1, f"aside/{run.number}/{name}"
    while os.path.lexists(journal.state / place):
        number += 1
        place = f"aside/{run.number}-{number}/{name}"
    journal.step(run, "aside", name, place)
    _rename(journal.out, name, f"{STATE}/{place}")
    _remove_empty(journal.out, (journal.out / name).parent)


def _rename(out: Path, name: str, to: str) -> None:
    """Move a file inside the tree, if it is there."""
    (out / to).parent.mkdir(parents=True, exist_ok=True)
    for each in (name, to):
        if not _leads_inside(out, each):
            raise OptionError(f"{out / each}: a symbolic link leads out of the tree")
    with suppress(FileNotFoundError):
        os.rename(out / name, out / to)


def _write(source: Path, journal: Journal, place: str, *, link: bool) -> None:
    """Write one file of the new tree, whole or not at all."""
    target, part = journal.out / place, journal.state / _PART
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _leads_inside(journal.out, place):
        raise OptionError(f"{target}: a symbolic link leads out of the tree")
    if link:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise OptionError(
                f"{target}: hard links cannot lead to another disk; copy, without --link"
            ) from error
        return
    part.unlink(missing_ok=True)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(source, flags), "rb") as old, open(part, "xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
    shutil.copystat(source, part, follow_symlinks=False)
    os.replace(part, target)


def _remove_empty(out: Path, folder: Path) -> None:
    """Remove a folder of the tree, and those around it, as far as they are empty."""
    with suppress(OSError):
        while folder != out and folder.is_relative_to(out):
            folder.rmdir()
            folder = folder.parent


def undo(out: Path, *, progress: Callable[[int], None] = lambda _files: None) -> Applied:
    """Take back the last apply to a tree; an undo that was stopped is finished by the same call.

    Files that it wrote are removed if they are still what the data set has: a file that was
    changed, or whose original is gone, stays and is named.  Files that it put aside come back.
    After the first apply is taken back only the log is left.

    Raises OptionError where there is nothing to take back.
    """
    out = Path(os.path.abspath(out))
    journal = open_journal(out)
    run = journal.last
    if run is None:
        raise OptionError(f"{out}: no apply to take back")
    if not run.undoing:
        journal.write({"op": "undo", "run": run.number}, sync=True)
    done, failed = {"write": 0, "aside": 0}, []
    for operation, name, other in reversed(run.steps):
        if operation == "write":
            problem = _take_away(out, Path(run.root) / other, name)
        else:
            problem = _bring_back(out, f"{STATE}/{other}", name)
        if problem is None:
            done[operation] += 1
        else:
            failed.append(problem)
        progress(1)
    (journal.state / _PART).unlink(missing_ok=True)
    journal.write({"op": "undone", "run": run.number, "failed": failed}, sync=True)
    return Applied(done["write"], aside=done["aside"], failed=tuple(failed))


def _take_away(out: Path, source: Path, name: str) -> str | None:
    """Remove a file that was written; returns why it stays, or None."""
    path = out / name
    if not os.path.lexists(path):
        return None
    if not (_leads_inside(out, name) and _same(path, source, whole=True)):
        return f"{path}: is not what {source} is now; left alone"
    path.unlink()
    _remove_empty(out, path.parent)
    return None


def _bring_back(out: Path, kept: str, name: str) -> str | None:
    """Put a file back that an apply put aside; returns why it stays there, or None."""
    if not os.path.lexists(out / kept):
        return None
    if os.path.lexists(out / name):
        return f"{out / name} is in the way of {out / kept}; left alone"
    _rename(out, kept, name)
    _remove_empty(out / STATE, (out / kept).parent)
    return None
