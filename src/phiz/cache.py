"""Where phiz keeps what it can make again: private folders, whole files or none.

A file appears under its name only when it is complete (temporary file, sync, rename), so that a
killed process or a full disk leaves nothing half-written, and two processes that make the same
file both win.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import mmap
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "cache_dir",
    "drop_sealed",
    "find_sealed",
    "private_dir",
    "save_sealed",
    "sha256_of_file",
    "undamaged",
    "writing",
]

_SEALED = ".sealed"
# Hashing lets other threads run, but between two pieces it may wait milliseconds for its turn.
_PIECE = 1 << 25  # bytes
_ABANDONED = 3600  # seconds after which a part of a file is nobody's


def cache_dir() -> Path:
    """Return ``PHIZ_CACHE_DIR``, or this platform's cache folder for phiz; made by nobody yet."""
    named = os.environ.get("PHIZ_CACHE_DIR")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("phiz"))


def private_dir(*parts: str) -> Path:
    """Make (if need be) and return a folder in the cache that only this user can open.

    Raises OSError where it cannot be made or belongs to another user.
    """
    root = cache_dir()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root.joinpath(*parts)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        owner = folder.stat().st_uid
        if owner != os.getuid():
            raise PermissionError(f"{folder} belongs to user {owner}, not to this process's user")
    return folder


def sha256_of_file(path: Path) -> str | None:
    """Return the SHA-256 of a file's content in hex, or None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_PIECE):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for writing; it gets its new content only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):  # of a process that was killed while it wrote
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    part = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def save_sealed(folder: Path, name: str, content: bytes) -> None:
    """Write a file whose own name carries its digest, so that damage is noticed."""
    digest = hashlib.sha256(content).hexdigest()
    with writing(folder / f"{name}.{digest}{_SEALED}") as file:
        file.write(content)


def find_sealed(folder: Path, name: str) -> Path | None:
    """Return the file that :func:`save_sealed` wrote, unchecked, or None."""
    return next(iter(sorted(folder.glob(f"{name}.*{_SEALED}"))), None)


def undamaged(path: Path) -> bool:
    """Say whether a sealed file still has the content it was written with."""
    digest = hashlib.sha256()
    try:
        # Mapped, not read: nobody shortens such a file, and a copy would cost as much as its hash.
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            digest.update(content)
    except (OSError, ValueError):  # ValueError: it is empty
        return False
    return path.name.removesuffix(_SEALED).rpartition(".")[2] == digest.hexdigest()


def drop_sealed(folder: Path, name: str) -> None:
    """Delete what :func:`save_sealed` wrote."""
    for path in folder.glob(f"{name}.*{_SEALED}"):
        with contextlib.suppress(OSError):
            path.unlink()
