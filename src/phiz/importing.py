"""Weight files that lie somewhere on this machine, brought into phiz's cache.

Files are known by their names, packed or not, and by their content whatever they are called.  What
is copied has a known hash, or is of a model whose published file nobody here could read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phiz import store
from phiz.errors import FormatError, IntegrityError, LicenceError, ModelNotFound, PhizError
from phiz.formats.tfjs import MANIFEST_ENDING, read_tfjs
from phiz.zoo import ZOO, Entry, find_by_hash

__all__ = ["Imported", "Outcome", "import_folder"]

Outcome = Literal["imported", "already here", "refused"]

_INSIDE = (".dat", ".dnn", ".svm")  # endings of packed files that are looked into


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file.

    file: as it was found.  name: the zoo's, or None for a folder that cannot be searched.
    revision: what the cache has now.  reason: why it was refused.
    """

    file: Path
    name: str | None
    outcome: Outcome
    revision: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Content:
    """A model that was read: its entry, its digest, and its files by name, the manifest first."""

    entry: Entry
    digest: str
    files: list[tuple[str, bytes]]


def _names() -> dict[str, Entry]:
    return {
        name: entry for entry in reversed(list(ZOO.values())) for name in store.file_names(entry)
    }


def _sizes() -> set[int]:
    """Return the sizes of all single files, packed or not, that are known."""
    revisions = [each for entry in ZOO.values() for each in entry.revisions if not each.files]
    packed = {source.size for revision in revisions for source in revision.sources}
    return {size for size in {revision.size for revision in revisions} | packed if size}


def _looks_known(path: Path, sizes: set[int]) -> bool:
    """Say whether a file of an unknown name is worth being read."""
    if path.name.endswith(MANIFEST_ENDING):
        return True
    if path.suffix in store.PACKED and path.with_suffix("").suffix in _INSIDE:
        return True
    try:
        return path.stat().st_size in sizes
    except OSError:
        return False


def _read_manifest(path: Path, named: Entry | None) -> _Content | None:
    weights = read_tfjs(path)
    entry = find_by_hash(weights.digest) or named
    if entry is None:
        return None
    store.verify(entry, weights.digest, path)
    shards = [name for group in weights.groups for name in group.shards]
    if not any([part.name for part in each.files[1:]] == shards for each in entry.revisions):
        # They would be written under these names, which only a published manifest may choose.
        raise IntegrityError(f"{path}: its files have other names than {entry.name}'s")
    said = path.read_bytes()
    numbers = b"".join(weights.data)
    files, at = [(entry.file, said)], 0
    for name, size in zip(shards, (size for sizes in weights.sizes for size in sizes), strict=True):
        files.append((name, numbers[at : at + size]))
        at += size
    return _Content(entry, weights.digest, files)


def _read_single(path: Path, named: Entry | None) -> _Content | None:
    if path.stat().st_size > store.MOST_UNPACKED:
        found = f"{path.stat().st_size}"
        raise FormatError(str(path), 0, f"at most {store.MOST_UNPACKED} bytes", found)
    data = store.read_weights(path)
    digest = store.sha256_of(data)
    entry = find_by_hash(digest) or named
    if entry is None:
        return None
    store.verify(entry, digest, path)
    return _Content(entry, digest, [(entry.file, data)])


def _rank(entry: Entry, digest: str) -> int:
    """Return how old a revision is, from 0; unverified ones are the oldest."""
    known = [revision.sha256 for revision in entry.revisions]
    return known.index(digest) if digest in known else len(known)


def _kept_digest(entry: Entry) -> str | None:
    """Return the digest of what the cache has, if that is the model."""
    path = store.kept(entry).path
    try:
        digest = store.file_digest(path)
        store.verify(entry, digest, path)
    except (PhizError, OSError):
        return None
    return digest


def _import(content: _Content, file: Path) -> Iterator[Imported]:
    """Copy a model, unless the cache has it or a newer one; tells of all models in the file."""
    entry, have = content.entry, _kept_digest(content.entry)
    try:
        store.allow_licence(entry)
    except LicenceError as error:
        yield Imported(file, entry.name, "refused", reason=str(error))
        return
    here = have is not None and (
        have == content.digest or _rank(entry, have) < _rank(entry, content.digest)
    )
    if not here:
        store.keep(entry, content.files)
    revision = store.verify(entry, have if have and here else content.digest, file)
    for each in ZOO.values():
        if each.file == entry.file:
            yield Imported(file, each.name, "already here" if here else "imported", revision)


def _try(path: Path, named: Entry | None) -> Iterator[Imported]:
    try:
        read = _read_manifest if path.name.endswith(MANIFEST_ENDING) else _read_single
        content = read(path, named)
    except (PhizError, OSError) as error:
        if named is not None:  # of other files nobody said that they are models
            reason = str(error) if isinstance(error, PhizError) else error.strerror or str(error)
            yield Imported(path, named.name, "refused", reason=reason)
        return
    if content is not None:
        yield from _import(content, path)


def import_folder(folder: Path) -> Iterator[Imported]:
    """Copy every known weight file of a folder, however deep in it, into the cache.

    Yields what became of each, in the order of their paths; files that are no model are passed
    over, and links to folders are not followed.

    Raises ModelNotFound if it is no folder, or has no known weight file; OSError where the cache
    cannot be written.
    """
    if not folder.is_dir():
        raise ModelNotFound(f"{folder} is not a folder")
    names, sizes = _names(), _sizes()
    troubles: list[OSError] = []
    seen: set[str] = set()
    found = False
    for inside, folders, files in os.walk(folder, onerror=troubles.append):
        folders.sort()
        for name in sorted(files):
            path = Path(inside, name)
            named = names.get(name)
            if not path.is_file() or not (named or _looks_known(path, sizes)):
                continue
            for each in _try(path, named):
                found = True
                if each.outcome == "already here" and each.name in seen:
                    continue  # another copy of what this run told of
                if each.outcome != "refused" and each.name:
                    seen.add(each.name)
                yield each
    for error in troubles:
        found = True
        reason = error.strerror or str(error)
        yield Imported(Path(error.filename or folder), None, "refused", reason=reason)
    if not found:
        raise ModelNotFound(f"{folder}: no weight file in it that phiz knows")
