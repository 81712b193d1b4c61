"""Weights of face-api.js's models to models: one function per architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from phiz.errors import ModelNotFound, OptionError
from phiz.formats.tfjs import TfjsWeights
from phiz.nets import TFJS_ARCHITECTURES, Networks, PixelSpec, TfjsArch, match_tensors
from phiz.precision import compiled_session, mark_precision, space_of
from phiz.runtime import Runtime
from phiz.zoo import ZOO, Entry

if TYPE_CHECKING:
    from phiz.backends.ort import OrtSession
    from phiz.backends.session import Session
    from phiz.graph.graph import Graph
    from phiz.models.box_styles import BoxStyle
    from phiz.models.faceapi_input import FaceNetOptions

__all__ = ["TFJS_BUILDERS", "TfjsFile"]

_Options = TypeVar("_Options")


@dataclass(frozen=True, slots=True, eq=False)
class TfjsFile:
    """Weights on their way to becoming a model.

    entry: the zoo entry that they are, or None.  known: the entry that describes such a model.
    """

    entry: Entry | None
    known: Entry
    arch: TfjsArch
    weights: TfjsWeights
    precision: str = "float32"

    @staticmethod
    def of(entry: Entry | None, weights: TfjsWeights, precision: str = "float32") -> TfjsFile:
        """Return weights as what they are.

        entry: the zoo entry that they are; without one they are tried as every architecture.
        precision: what the model is to compute in.
        Raises the FormatError of the one that fits best.
        """
        if entry is not None and entry.architecture is not None:
            arch = TFJS_ARCHITECTURES[entry.architecture]
            return TfjsFile(entry, entry, arch, weights, precision)
        arch, _ = match_tensors(weights.tensors(), str(weights.path))
        known = next(each for each in ZOO.values() if each.architecture == arch.name)
        return TfjsFile(None, known, arch, weights, precision)

    @property
    def name(self) -> str:
        """What the model will be called."""
        return self.entry.name if self.entry else self.weights.path.name

    @property
    def identity(self) -> str:
        """What tells this model from others."""
        return mark_precision(f"{self.name}:{self.weights.digest[:16]}", self.precision)

    @property
    def pixels(self) -> PixelSpec:
        """The pixels its networks take."""
        return self.arch.pixels

    def networks(self) -> Networks:
        """Return its networks; FormatError if these are not their weights."""
        return self.arch.networks(self.weights.tensors(), str(self.weights.path))

    def session(self, runtime: Runtime) -> Session:
        """Compile its one network, or load what an earlier process compiled."""

        def graph() -> Graph:
            (only,) = self.networks().graphs
            return only

        digest = self.weights.digest
        return compiled_session(graph, digest, self.arch.name, self.precision, runtime)


def _checked(options: object, wanted: type[_Options], name: str) -> _Options | None:
    if options is None or isinstance(options, wanted):
        return options
    raise OptionError(f"{name} takes {wanted.__name__}, found {options!r}")


def _no_options(options: object, name: str) -> None:
    if options is not None:
        raise OptionError(f"{name} takes no options, found {options!r}")


def _build_ssd(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    from phiz.models.faceapi_ssd import SsdDetector, SsdOptions

    return SsdDetector(
        file.session(runtime),
        file.networks().arrays["anchors"],
        pixels=file.pixels,
        name=file.name,
        identity=file.identity,
        runtime=runtime,
        options=_checked(options, SsdOptions, file.name),
    )


def _build_yolo(file: TfjsFile, options: object, runtime: Runtime, box_style: BoxStyle) -> Any:
    from phiz.models.faceapi_yolo import YoloDetector, YoloOptions

    return YoloDetector(
        file.session(runtime),
        mean=file.pixels.mean,
        name=file.name,
        identity=file.identity,
        runtime=runtime,
        options=_checked(options, YoloOptions, file.name),
        box_style=box_style,
    )


def _build_tiny(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    return _build_yolo(file, options, runtime, "faceapi-tiny")


def _build_tiny_yolov2(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    return _build_yolo(file, options, runtime, "faceapi-tiny-yolov2")


def _build_mtcnn(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    from phiz.backends.ort import cached_session
    from phiz.graph.graph import apply
    from phiz.graph.input_passes import exchange_axes, reverse_channels
    from phiz.models.mtcnn import MtcnnDetector, MtcnnOptions

    def session(part: int) -> OrtSession:
        return cached_session(
            lambda: apply(file.networks().graphs[part], exchange_axes, reverse_channels),
            weights=file.weights.digest,
            arch=f"{file.arch.name} {part}",
            threads=1,
            at_once=runtime.threads,
        )

    return MtcnnDetector(
        [session(part) for part in range(3)],
        name=file.name,
        identity=file.identity,
        runtime=runtime,
        options=_checked(options, MtcnnOptions, file.name),
    )


def _build_landmarks(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    from phiz.models.faceapi_landmarks import FaceapiLandmarker

    _no_options(options, file.name)
    return FaceapiLandmarker(
        file.session(runtime),
        name=file.name,
        identity=file.identity,
        pixels=file.pixels,
        runtime=runtime,
    )


def _face_options(options: object, name: str) -> FaceNetOptions | None:
    from phiz.models.faceapi_input import FaceNetOptions

    return _checked(options, FaceNetOptions, name)


def _build_descriptor(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    from phiz.models.faceapi_describer import FaceapiDescriber

    known = file.known
    if known.chip is None or known.threshold is None:
        raise ModelNotFound(f"{known.name} is no descriptor model")
    return FaceapiDescriber(
        file.session(runtime),
        name=file.name,
        identity=file.identity,
        chip=known.chip,
        pixels=file.pixels,
        space=space_of(file.weights.digest, known.chip, file.precision),
        threshold=known.threshold,
        runtime=runtime,
        options=_face_options(options, file.name),
    )


def _classifier(
    file: TfjsFile,
    runtime: Runtime,
    *,
    output: str,
    age: str | None = None,
    options: FaceNetOptions | None = None,
) -> Any:
    from phiz.models.faceapi_classifier import FaceapiClassifier

    known = file.known
    if known.chip is None or known.labels is None:
        raise ModelNotFound(f"{known.name} is no classifier of faces")
    return FaceapiClassifier(
        file.session(runtime),
        name=file.name,
        identity=file.identity,
        chip=known.chip,
        pixels=file.pixels,
        labels=known.labels,
        output=output,
        age=age,
        runtime=runtime,
        options=options,
    )


def _build_expression(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    _no_options(options, file.name)
    return _classifier(file, runtime, output="logits")


def _build_age_gender(file: TfjsFile, options: object, runtime: Runtime) -> Any:
    chosen = _face_options(options, file.name)
    return _classifier(file, runtime, output="gender", age="age", options=chosen)


TFJS_BUILDERS: Final[Mapping[str, Callable[[TfjsFile, object, Runtime], Any]]] = MappingProxyType(
    {
        "faceapi-ssd-mobilenetv1": _build_ssd,
        "faceapi-tiny": _build_tiny,
        "faceapi-tiny-yolov2": _build_tiny_yolov2,
        "faceapi-mtcnn": _build_mtcnn,
        "faceapi-landmarks-68": _build_landmarks,
        "faceapi-landmarks-68-tiny": _build_landmarks,
        "faceapi-face-resnet": _build_descriptor,
        "faceapi-expression": _build_expression,
        "faceapi-age-gender": _build_age_gender,
    }
)
"""What makes a model of the weights of each architecture."""
