"""Weight files of dlib's to models: one function per kind."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phiz import store
from phiz.errors import IntegrityError, ModelNotFound, OptionError
from phiz.formats.cursor import Cursor
from phiz.precision import compiled_session, mark_precision, space_of, stored
from phiz.runtime import Runtime
from phiz.values import POINTS, Scheme
from phiz.zoo import ZOO, Entry, Kind

if TYPE_CHECKING:
    from phiz.backends.ort import OrtSession
    from phiz.formats.dlib_net import Match, Net
    from phiz.models.protocols import Describer, Detector, Landmarker

__all__ = ["BUILDERS", "WeightFile"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A weight file on its way to becoming a model.

    entry: the zoo entry it is, or None.  side: a thread for hashing, which takes as long as
    parsing.  precision: what the model is to compute in.
    """

    entry: Entry | None
    path: Path
    side: ThreadPoolExecutor
    precision: str = "float32"

    @property
    def name(self) -> str:
        """What the model will be called."""
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
        """Return what tells this file's model from others."""
        return mark_precision(f"{self.name}:{digest[:16]}", self.precision)


def _no_options(options: object, what: str) -> None:
    if options is not None:
        raise OptionError(f"{what} takes no options, found {options!r}")


def _search(file: WeightFile, kind: Kind) -> tuple[Match, Entry, str]:
    """Read a weight file as the architecture of its entry, or as any of its kind.

    Returns what it holds, the entry that describes such a model, and the file's hash.
    """
    from phiz.formats.dlib_net import search_architectures  # not needed for a cached model
    from phiz.nets import ARCHITECTURES

    alike = [entry for entry in ZOO.values() if (entry.kind, entry.format) == (kind, "dlib")]
    entries = [file.entry] if file.entry else alike
    wanted = {
        name: entry
        for entry in reversed(entries)
        for name in (*entry.variants, entry.architecture)
        if name
    }
    cursor, digest = file.read()
    match = search_architectures(
        cursor.data, cursor.path, [ARCHITECTURES[name] for name in reversed(wanted)]
    )
    return match, wanted[match.layout.name], digest()


def _session(net: Net, weights: str, runtime: Runtime, *, output: str | None = None) -> OrtSession:
    """Compile a network, or load what an earlier process compiled.

    output: a value to return instead of the network's own.
    """
    from phiz.backends.ort import cached_session

    graph = replace(net.graph, outputs=(output,)) if output else net.graph
    arch = f"{net.arch.name} {output}" if output else net.arch.name
    return cached_session(lambda: graph, weights=weights, arch=arch, threads=runtime.threads)


def _build_hog(file: WeightFile, options: object, runtime: Runtime) -> Detector:
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


def _build_landmarks(file: WeightFile, options: object, runtime: Runtime) -> Landmarker:
    from phiz.formats.dlib_shape import read_shape_predictor
    from phiz.models.landmarks import ForestLandmarker

    _no_options(options, "a landmark model")
    if file.entry and file.entry.architecture:
        match, _, weights = _search(file, "landmarks")
        if match.forest is None or file.entry.scheme is None:
            raise ModelNotFound(f"{file.path} holds no shape predictor")
        return ForestLandmarker(
            match.forest,
            name=file.name,
            identity=file.identity(weights),
            scheme=file.entry.scheme,
            runtime=runtime,
        )
    cursor, digest = file.read()
    forest = read_shape_predictor(cursor)
    cursor.end("a shape predictor")
    scheme = _scheme_of(forest.points)
    if scheme is None:
        cursor.fail("a shape predictor of 4, 5, 6 or 68 points", f"{forest.points}")
    return ForestLandmarker(
        forest, name=file.name, identity=file.identity(digest()), scheme=scheme, runtime=runtime
    )


def _build_descriptor(file: WeightFile, options: object, runtime: Runtime) -> Describer:
    _no_options(options, "a descriptor model")
    hashing = file.side.submit(store.file_digest, file.path)

    from phiz.models.describer import NetDescriber

    known, precision, expected, session = file.entry, file.precision, None, None
    if known and known.architecture and known.revisions[0].sha256 and precision == "float32":
        # A head start while the file is being hashed.
        expected = known.revisions[0].sha256
        session = stored(expected, known.architecture, precision, runtime)
    weights = file.verified(hashing.result())
    if known and known.architecture and weights != expected:
        session = stored(weights, known.architecture, precision, runtime)
    if known is None or session is None:
        match, known, digest = _search(file, "descriptor")
        if digest != weights:
            raise IntegrityError(f"{file.path} changed while it was being read")
        net = match.nets[0]
        session = compiled_session(lambda: net.graph, weights, net.arch.name, precision, runtime)
    if known.chip is None or known.threshold is None:
        raise ModelNotFound(f"{known.name} is no descriptor model")
    return NetDescriber(
        session,
        name=file.name,
        identity=file.identity(weights),
        chip=known.chip,
        space=space_of(weights, known.chip, precision),
        threshold=known.threshold,
    )


def _build_mmod(file: WeightFile, options: object, runtime: Runtime) -> Detector:
    from phiz.models.canvas_layout import output_to_input
    from phiz.models.mmod import CnnOptions, MmodDetector

    if options is not None and not isinstance(options, CnnOptions):
        raise OptionError(f"a CNN detector takes CnnOptions, found {type(options).__name__}")
    match, known, weights = _search(file, "mmod-detector")
    net = match.nets[0]
    return MmodDetector(
        _session(net, weights, runtime),
        net=net.params.loss["options"],
        mean=net.params.input["mean"],
        padding=net.params.input["padding"],
        outer_padding=net.params.input["outer_padding"],
        steps=output_to_input(net.graph),
        forest=match.forest,
        # A predictor of four points moves a box's corners; the dog's six are landmarks.
        refine=match.forest is not None and match.forest.points == POINTS["corners-4"],
        pictures=match.pictures,
        name=file.name,
        identity=file.identity(weights),
        runtime=runtime,
        options=options,
        labels=known.labels,
    )


def _build_classifier(file: WeightFile, options: object, runtime: Runtime) -> Any:
    from phiz.graph.layers import InputRgb
    from phiz.models.classifier import NetClassifier

    _no_options(options, "a classifier")
    match, known, weights = _search(file, "classifier")
    layer = match.arch.input
    if not isinstance(layer, InputRgb):
        raise ModelNotFound(f"{known.name} is no classifier of pictures")
    return NetClassifier(
        _session(match.nets[0], weights, runtime),
        name=file.name,
        identity=file.identity(weights),
        chip=known.chip,
        size=layer.size,
        labels=known.labels or match.labels,
        ages=known.ages,
        crops=known.crops,
        runtime=runtime,
    )


def _build_generator(file: WeightFile, options: object, runtime: Runtime) -> Any:
    from phiz.models.generator import FaceGenerator

    _no_options(options, "a generator")
    match, _, weights = _search(file, "generator")
    generator, *others = match.nets
    return FaceGenerator(
        _session(generator, weights, runtime, output="sig2"),
        _session(others[0], weights, runtime) if others else None,
        name=file.name,
        identity=file.identity(weights),
        runtime=runtime,
    )


def _build_colorizer(file: WeightFile, options: object, runtime: Runtime) -> Any:
    from phiz.models.colorizer import Colorizer

    _no_options(options, "a colorizer")
    match, _, weights = _search(file, "colorizer")
    return Colorizer(
        _session(match.nets[0], weights, runtime),
        name=file.name,
        identity=file.identity(weights),
        runtime=runtime,
    )


BUILDERS: dict[Kind, Callable[[WeightFile, object, Runtime], Any]] = {
    "hog-detector": _build_hog,
    "landmarks": _build_landmarks,
    "descriptor": _build_descriptor,
    "mmod-detector": _build_mmod,
    "classifier": _build_classifier,
    "generator": _build_generator,
    "colorizer": _build_colorizer,
}
"""What makes a model of each kind of a weight file."""
