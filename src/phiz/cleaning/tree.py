"""A folder per person: what is in it, and which names mean something in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from phiz.errors import OptionError
from phiz.imaging import is_picture_name

__all__ = ["STATE", "Tree", "identity_of", "read_tree", "relative_name"]

STATE = ".phiz-clean"
"""The folder, at the root of a tree that was written, with its log."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Files under a folder, by names relative to it with ``/`` between their parts, sorted.

    root: absolute.  files: every regular file.  left_out: symbolic links and whatever else is no
    regular file; they are never followed.
    """

    root: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """Files of persons that are named like pictures and are not hidden."""
        return tuple(
            name
            for name in self.files
            if identity_of(name)
            and is_picture_name(PurePosixPath(name).name)
            and not any(part.startswith(".") for part in name.split("/"))
        )

    @property
    def identities(self) -> tuple[str, ...]:
        """Folders at the root that have a picture in them."""
        return tuple(sorted({identity_of(name) for name in self.pictures}))

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self.root / name


def identity_of(name: str) -> str:
    """Return the person a file is of: the folder at the root, "" for files at the root."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


def read_tree(directory: str | os.PathLike[str]) -> Tree:
    """List a folder with a folder per person; deeper folders belong to the person they are in.

    Raises OptionError unless it is a folder.
    """
    root = Path(directory)
    if not root.is_dir():
        raise OptionError(f"{directory}: wanted a folder with a folder per person")
    root = root.resolve()
    files, left_out, folders = [], [], [""]
    while folders:
        inside = folders.pop()
        with os.scandir(root / inside) as entries:
            for entry in entries:
                name = f"{inside}/{entry.name}" if inside else entry.name
                if name == STATE:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(name)
                else:
                    left_out.append(name)
    return Tree(root, tuple(sorted(files)), tuple(sorted(left_out)))


def relative_name(value: object, where: str) -> str:
    """Return a name that a file says, if it can be one inside a tree; OptionError if not."""
    if not isinstance(value, str) or not value:
        raise OptionError(f"{where}: wanted a name, found {value!r:.80}")
    parts = value.split("/")
    bad = (
        value.startswith("/")
        or "\\" in value
        or "\0" in value
        or (len(value) > 1 and value[1] == ":")
        or any(part in ("", ".", "..") for part in parts)
        or parts[0] == STATE
    )
    if bad:
        raise OptionError(
            f"{where}: wanted a name inside the folder, with '/' between its parts, "
            f"found {value!r:.200}"
        )
    return value
