"""Names and files to models that run: the one place where the rooms are put together."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phiz import store
from phiz.errors import (
    DeviceError,
    FormatError,
    IntegrityError,
    ModelNotFound,
    OptionError,
    PhizError,
)
from phiz.formats.cursor import Cursor
from phiz.models.protocols import Describer, Detector, Landmarker
from phiz.runtime import Runtime, default_runtime
from phiz.values import POINTS, Scheme
from phiz.zoo import ZOO, Entry, Kind, find_entry

if TYPE_CHECKING:
    from phiz.graph.graph import Graph

__all__ = ["load"]


@dataclass(frozen=True, slots=True)
class _File:
    """A weight file on its way to becoming a model.

    entry: the zoo entry it is, or None.  side: a thread for hashing, which takes as long as
    parsing.
    """

    entry: Entry | None
    path: Path
    side: ThreadPoolExecutor

    @property
    def name(self) -> str:
        return self.entry.name if self.entry else self.path.name

    def read(self) -> tuple[Cursor, Callable[[], str]]:
        """Return the unpacked bytes, and what waits for their hash and verifies it."""
        data = store.read_weights(self.path)
        digest = self.side.submit(store.sha256_of, data)
        return Cursor(data, str(self.path)), lambda: self.verified(digest.result())

    def verified(self, digest: str) -> str:
        """Return the hash; IntegrityError if the entry's file has another one."""
        if self.entry is not None:
            store.verify(self.entry, digest, self.path)
        return digest

    def identity(self, digest: str) -> str:
        return f"{self.name}:{digest[:16]}"


def _resolve(
    name: str, *, download: bool, commercial_only: bool | None
) -> tuple[Entry | None, Path]:
    """Return the zoo entry that was named, if one was, and its file."""
    path, entry = Path(name), find_entry(name)
    if path.is_file():
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


def _by_hash(digest: str) -> Entry | None:
    for entry in ZOO.values():
        if digest in {revision.sha256 for revision in entry.revisions}:
            return entry
    return None


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
        weight file (``.bz2`` and ``.xz`` are unpacked).  A file with a known hash is that model;
        any other is tried as everything it could be.
    options: the detector's options, such as ``HogOptions(upsample=1)``.
    device: "auto" or "cpu"; ``model.device`` says what was chosen.
    threads: how many to use at most; by default every usable processor, shared by all models.
    precision: "float32".
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
    if precision != "float32":
        raise OptionError(f"precision: wanted float32, found {precision!r}")
    if runtime is not None and threads is not None:
        raise OptionError("give either threads or a runtime, not both")
    if runtime is None:
        runtime = default_runtime() if threads is None else Runtime(threads)

    name = os.fspath(name_or_path)
    entry, path = _resolve(name, download=download, commercial_only=commercial_only)
    try:
        if entry is None:
            entry = _by_hash(store.file_digest(path))
            if entry is not None:
                store.allow_licence(entry, commercial_only=commercial_only)
        with ThreadPoolExecutor(1) as side:
            return _build(_File(entry, path, side), options, runtime)
    except OSError as error:
        if isinstance(error, PhizError):
            raise
        raise ModelNotFound(f"{path}: {error.strerror or error}") from error


def _build(file: _File, options: object, runtime: Runtime) -> Any:
    kinds: list[Kind] = [file.entry.kind] if file.entry else list(_BUILDERS)
    failures: list[FormatError] = []
    for kind in kinds:
        try:
            return _BUILDERS[kind](file, options, runtime)
        except FormatError as error:
            # A copy: the error's own traceback would keep what was read in memory.
            failures.append(FormatError(error.path, error.at, error.want, error.found))
    try:  # of a damaged download the hash says more than the byte where it broke
        file.verified(store.file_digest(file.path))
    except IntegrityError as error:
        raise error from failures[0]
    raise max(failures, key=lambda failure: failure.at)


def _build_hog(file: _File, options: object, runtime: Runtime) -> Detector:
    from phiz.formats.dlib_fhog import read_fhog_detector, read_upsampling
    from phiz.models.hog import HogDetector, HogOptions

    if options is not None and not isinstance(options, HogOptions):
        raise OptionError(f"a HOG detector takes HogOptions, found {type(options).__name__}")
    cursor, digest = file.read()
    value = read_fhog_detector(cursor)
    if cursor.left and options is None:
        options = HogOptions(upsample=read_upsampling(cursor))
        cursor.end("a HOG detector")
    return HogDetector(
        value,
        name=file.name,
        identity=file.identity(digest()),
        runtime=runtime,
        options=options,
        labels=file.entry.labels if file.entry else None,
    )


def _scheme_of(points: int) -> Scheme | None:
    schemes: list[Scheme] = ["dlib-5", "ibug-68", "dog-6", "corners-4"]
    return next((scheme for scheme in schemes if POINTS[scheme] == points), None)


def _build_landmarks(file: _File, options: object, runtime: Runtime) -> Landmarker:
    from phiz.formats.dlib_shape import read_shape_predictor
    from phiz.models.landmarks import ForestLandmarker

    if options is not None:
        raise OptionError(f"a landmark model takes no options, found {options!r}")
    cursor, digest = file.read()
    forest = read_shape_predictor(cursor)
    cursor.end("a shape predictor")
    scheme = _scheme_of(forest.points)
    if scheme is None:
        cursor.fail("a shape predictor of 4, 5, 6 or 68 points", f"{forest.points}")
    return ForestLandmarker(
        forest, name=file.name, identity=file.identity(digest()), scheme=scheme, runtime=runtime
    )


def _build_descriptor(file: _File, options: object, runtime: Runtime) -> Describer:
    if options is not None:
        raise OptionError(f"a descriptor model takes no options, found {options!r}")
    hashing = file.side.submit(store.file_digest, file.path)

    from phiz.backends.ort import cached_session, stored_session
    from phiz.models.describer import NetDescriber

    def graph(architecture: str | None) -> Graph:
        from phiz.formats.dlib_net import search_architectures  # not needed for a cached model
        from phiz.nets import ARCHITECTURES

        wanted = [ARCHITECTURES[architecture]] if architecture else ARCHITECTURES.values()
        cursor, digest = file.read()
        match = search_architectures(cursor.data, cursor.path, wanted)
        if digest() != weights:
            raise IntegrityError(f"{file.path} changed while it was being read")
        return match.graph

    known = file.entry
    session = None
    expected = known.revisions[0].sha256 if known else None
    if known and known.architecture and expected:  # a head start while the file is being hashed
        session = stored_session(weights=expected, arch=known.architecture, threads=runtime.threads)
    weights = file.verified(hashing.result())
    lowered: Graph | None = None
    if known is None:
        lowered = graph(None)
        known = next(entry for entry in ZOO.values() if entry.architecture == lowered.name)
    if known.architecture is None or known.chip is None or known.threshold is None:
        raise ModelNotFound(f"{known.name} is no descriptor model")
    if session is None or weights != expected:
        session = cached_session(
            lambda: lowered or graph(known.architecture),
            weights=weights,
            arch=known.architecture,
            threads=runtime.threads,
        )
    return NetDescriber(
        session,
        name=file.name,
        identity=file.identity(weights),
        chip=known.chip,
        space=f"{weights[:16]}/{known.chip}/float32",
        threshold=known.threshold,
    )


_BUILDERS: dict[Kind, Callable[[_File, object, Runtime], Any]] = {
    "hog-detector": _build_hog,
    "landmarks": _build_landmarks,
    "descriptor": _build_descriptor,
}
