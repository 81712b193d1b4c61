"""Names and files to models that run: the one place where the rooms are put together."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from phiz import store
from phiz.builders import BUILDERS, WeightFile
from phiz.errors import (
    DeviceError,
    FormatError,
    IntegrityError,
    ModelNotFound,
    OptionError,
    PhizError,
)
from phiz.precision import allow_precision
from phiz.runtime import Runtime, default_runtime
from phiz.zoo import ZOO, Entry, Kind, find_by_hash, find_entry

__all__ = ["load", "load_kind"]


def _resolve(
    name: str, *, download: bool, commercial_only: bool | None
) -> tuple[Entry | None, Path]:
    """Return the zoo entry that was named, if one was, and its file, or the folder of its files."""
    path, entry = Path(name), find_entry(name)
    if path.is_file() or (entry is None and path.is_dir()):
        return None, path
    if entry is None:
        known = ", ".join(ZOO)
        raise ModelNotFound(
            f"{path} is not a file"
            if path.exists()
            else f"no model or file {name!r}; there are {known}"
        )
    store.allow_licence(entry, commercial_only=commercial_only)
    found = store.pull(entry) if download else store.require(entry)
    return entry, found.path


def load(
    name_or_path: str | os.PathLike[str],
    *,
    options: object = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "float32",
    download: bool = False,
    commercial_only: bool | None = None,
    runtime: Runtime | None = None,
) -> Any:
    """Load a model: a Detector, Landmarker or Describer, ready to share between threads.

    name_or_path: a zoo name such as ``dlib-hog-frontal``, an original file name, or the path of a
        weight file (``.bz2`` and ``.xz`` are unpacked), of a tfjs manifest, or of the folder of
        one.  A file with a known hash is that model; any other is tried as everything it could be.
    options: the model's options, such as ``HogOptions(upsample=1)``.
    device: "auto" or "cpu"; ``model.device`` says what was chosen.
    threads: how many to use at most; by default every usable processor, shared by all models.
    precision: "float32", or "int8" for descriptor models: faster, and not quite the same numbers;
        ``phiz models info`` says what it costs.
    download: fetch the weights if no source on this machine has them.
    commercial_only: refuse models whose licence does not allow commercial use; None asks
        ``PHIZ_COMMERCIAL_ONLY``.
    runtime: share this thread budget instead.

    Raises ModelNotFound (with the line that gets the model), IntegrityError, FormatError,
    LicenceError, DeviceError and OptionError.
    """
    if device.split(":")[0] == "cuda":
        raise DeviceError("cuda: this version of phiz runs on the processor; use device='cpu'")
    if device not in ("auto", "cpu"):
        raise DeviceError(f"device: wanted auto, cpu or cuda, found {device!r}")
    allow_precision(find_entry(os.fspath(name_or_path)), precision)
    if runtime is not None and threads is not None:
        raise OptionError("give either threads or a runtime, not both")
    if runtime is None:
        runtime = default_runtime() if threads is None else Runtime(threads)

    name = os.fspath(name_or_path)
    entry, path = _resolve(name, download=download, commercial_only=commercial_only)
    try:
        if path.is_dir() or store.is_manifest(path):
            return _load_tfjs(entry, path, commercial_only, options, precision, runtime)
        if entry is None:
            entry = _known(store.file_digest(path), commercial_only)
        allow_precision(entry, precision)
        with ThreadPoolExecutor(1) as side:
            return _build(WeightFile(entry, path, side, precision), options, runtime)
    except OSError as error:
        if isinstance(error, PhizError):
            raise
        raise ModelNotFound(f"{path}: {error.strerror or error}") from error


def load_kind(path: str | os.PathLike[str], kind: Kind, *, runtime: Runtime | None = None) -> Any:
    """Load a weight file of dlib's as a model of one kind, whatever else it could be.

    Raises OSError, FormatError and LicenceError.
    """
    file = Path(path)
    entry = _known(store.file_digest(file), None)
    known = entry if entry is not None and entry.kind == kind else None
    with ThreadPoolExecutor(1) as side:
        return BUILDERS[kind](WeightFile(known, file, side), None, runtime or default_runtime())


def _known(digest: str, commercial_only: bool | None) -> Entry | None:
    """Return the zoo entry that has this hash, or None; LicenceError if it is refused."""
    entry = find_by_hash(digest)
    if entry is not None:
        store.allow_licence(entry, commercial_only=commercial_only)
    return entry


def _load_tfjs(
    entry: Entry | None,
    path: Path,
    commercial_only: bool | None,
    options: object,
    precision: str,
    runtime: Runtime,
) -> Any:
    """Make a model of a manifest, or of the one in a folder, and its shards.

    entry: the zoo entry that was named; IntegrityError if the weights are not its own.
    """
    from phiz.builders_faceapi import TFJS_BUILDERS, TfjsFile  # loaded when it is needed
    from phiz.formats.tfjs import read_tfjs

    weights = read_tfjs(path)
    if entry is None:
        entry = _known(weights.digest, commercial_only)
    else:
        store.verify(entry, weights.digest, path)
    file = TfjsFile.of(entry, weights, precision)
    allow_precision(file.known, precision)
    return TFJS_BUILDERS[file.arch.name](file, options, runtime)


def _build(file: WeightFile, options: object, runtime: Runtime) -> Any:
    kinds: list[Kind] = [file.entry.kind] if file.entry else list(BUILDERS)
    if file.precision != "float32":
        kinds = ["descriptor"]
    failures: list[FormatError] = []
    for kind in kinds:
        try:
            return BUILDERS[kind](file, options, runtime)
        except FormatError as error:
            # A copy: the error's own traceback would keep what was read in memory.
            failures.append(FormatError(error.path, error.at, error.want, error.found))
    try:
        # Of a damaged download the hash says more than the byte where it broke.
        file.verified(store.file_digest(file.path))
        raise max(failures, key=lambda failure: failure.at)
    except IntegrityError as error:
        raise error from failures[0]
    finally:
        failures.clear()  # the error's traceback holds this frame: a cycle would keep the file
