"""``fhog_object_detector``, ``simple_object_detector`` and the frontal face detector.

Source: dlib ``python/src/object_detection.cpp``, ``python/src/simple_object_detector_py.h``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

from phiz.checks import U8
from phiz.compat.dlib.binding import Field, Overloads, Readonly, bound
from phiz.compat.dlib.failures import failed, runtime_errors
from phiz.compat.dlib.files import read_object, read_object_file, save_object
from phiz.compat.dlib.images import AnyArray, eight_bit
from phiz.compat.dlib.kinds import MISMATCH, Kind, instance_of, integers
from phiz.compat.dlib.lists import rectangles
from phiz.compat.dlib.rectangles import make_rectangle
from phiz.compat.dlib.sequences import cast
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector, read_upsampling
from phiz.formats.dlib_fhog_write import write_fhog_detector
from phiz.values import Faces, FhogDetector

if TYPE_CHECKING:
    from phiz.models.hog import HogDetector

__all__ = [
    "fhog_object_detector",
    "get_frontal_face_detector",
    "make_rectangles",
    "simple_object_detector",
]

Upsampling: TypeAlias = Annotated[int, integers(0, 2**32 - 1)]
EarlyDetector: TypeAlias = Annotated[
    Any,
    Kind(
        # dlib's own signature spells it so: it was made before the class had a name.
        "dlib::object_detector<dlib::scan_fhog_pyramid<dlib::pyramid_down<6u>, "
        "dlib::default_fhog_feature_extractor> >",
        lambda _value, _convert: MISMATCH,
    ),
]


def make_rectangles(faces: Faces) -> rectangles:
    """Return the boxes of what was found as dlib's rectangles."""
    made = rectangles()
    made._items = [
        make_rectangle(left, top, right - 1, bottom - 1)
        for left, top, right, bottom in faces.boxes.astype(np.int64).tolist()
    ]
    return made


def _model(value: FhogDetector, name: str) -> HogDetector:
    from phiz.models.hog import HogDetector  # the kernels are loaded when they are needed
    from phiz.runtime import default_runtime

    return HogDetector(value, name=name, identity=name, runtime=default_runtime())


def _read_value(cursor: Cursor) -> FhogDetector:
    return read_object(
        cursor,
        (1, 2),
        "Unexpected version encountered while deserializing a dlib::object_detector object.",
        lambda: read_fhog_detector(cursor),
    )


def _nothing() -> Faces:
    return Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), sub=np.zeros(0, np.int64))


def _split(faces: Faces) -> tuple[rectangles, list[float], list[int]]:
    assert faces.sub is not None
    return make_rectangles(faces), faces.scores.tolist(), faces.sub.tolist()


class _Detector(Stored):
    """What both kinds of detectors have; the model is the same from the first use to the last."""

    __slots__ = ("_model",)
    _model: HogDetector
    run_multiple = Overloads(static=True)
    save = Overloads()

    @Readonly
    def detection_window_height(self) -> int:
        """Of the object at the picture's own size, pixels."""
        return self._model.value.window[1]

    @Readonly
    def detection_window_width(self) -> int:
        """Of the object at the picture's own size, pixels."""
        return self._model.value.window[0]

    @Readonly
    def num_detectors(self) -> int:
        """How many sets of filters there are."""
        return len(self._model.value.filters)

    def _find(self, image: U8, upsample: int, threshold: float = 0.0) -> Faces:
        if 0 in image.shape:
            return _nothing()
        with runtime_errors():
            return self._model(image, upsample=upsample, threshold=threshold)

    @save.add
    def _(self, detector_output_filename: str) -> None:
        save_object(self._write(), detector_output_filename)


def _run_multiple(
    detectors: list[Any],
    image: AnyArray,
    upsample_num_times: Upsampling = 0,
    adjust_threshold: float = 0.0,
) -> tuple[Any, ...]:
    from phiz.models.hog import HogOptions
    from phiz.models.hog_group import find_together
    from phiz.runtime import default_runtime

    models = [cast(each, instance_of(_Detector, ""))._model for each in detectors]
    picture = eight_bit(image)
    if not models or 0 in picture.shape:
        return _split(_nothing())
    with runtime_errors():
        options = HogOptions(upsample_num_times, adjust_threshold)
        return _split(find_together(models, picture, options, default_runtime()))


_Detector.run_multiple.add(_run_multiple)


@bound
class fhog_object_detector(_Detector):  # noqa: N801 - dlib's name
    """Finds objects with filters on histograms of gradients; threads may share one."""

    __slots__ = ()
    save: Overloads = _Detector.save.more()
    __init__ = Overloads()
    __call__ = Overloads()
    run = Overloads()

    @__init__.add
    def _(self, arg0: str) -> None:
        self._model = _model(read_object_file(arg0, _read_value), arg0)

    @__call__.add
    def _(self, image: AnyArray, upsample_num_times: Upsampling = 0) -> rectangles:
        return make_rectangles(self._find(eight_bit(image), upsample_num_times))

    @run.add
    def _(
        self,
        image: AnyArray,
        upsample_num_times: Upsampling = 0,
        adjust_threshold: float = 0.0,
    ) -> tuple[Any, ...]:
        return _split(self._find(eight_bit(image), upsample_num_times, adjust_threshold))

    def _write(self) -> bytes:
        return write_fhog_detector(self._model.value)

    def _read(self, cursor: Cursor) -> None:
        self._model = _model(_read_value(cursor), cursor.path)


@bound
class simple_object_detector(_Detector):  # noqa: N801 - dlib's name
    """A detector that knows how often pictures are doubled for it."""

    __slots__ = ("_upsampling_amount",)
    save: Overloads = _Detector.save.more()
    upsampling_amount = Field("Upsampling", member=True)
    _upsampling_amount: int
    __init__ = Overloads()
    __call__ = Overloads()

    @__init__.add
    def _(self, detectors: list[Any]) -> None:
        if not detectors:
            raise failed(
                "python/object_detection.cpp:130",
                "std::shared_ptr<dlib::simple_object_detector_py> "
                "merge_simple_object_detectors(const pybind11::list&)",
                "len(detectors) > 0",
            )
        kind = instance_of(simple_object_detector, "")
        taken = [cast(each, kind) for each in detectors]
        self._model = _model(_merged([each._model.value for each in taken]), "merged")
        self._upsampling_amount = taken[0]._upsampling_amount

    @__init__.add
    def _(self, arg0: str) -> None:
        read_object_file(arg0, self._read)

    @__call__.add
    def _(self, image: AnyArray, upsample_num_times: Upsampling) -> rectangles:
        return make_rectangles(self._find(eight_bit(image), upsample_num_times))

    @__call__.add
    def _(self, image: AnyArray) -> rectangles:
        return make_rectangles(self._find(eight_bit(image), self._upsampling_amount))

    def _write(self) -> bytes:
        return write_fhog_detector(self._model.value, upsampling=self._upsampling_amount)

    def _read(self, cursor: Cursor) -> None:
        value = _read_value(cursor)
        self._upsampling_amount = read_object(
            cursor,
            (1,),
            "Unexpected version found while deserializing a simple_object_detector.",
            lambda: read_upsampling(cursor),
        )
        self._model = _model(value, cursor.path)


def _merged(values: Sequence[FhogDetector]) -> FhogDetector:
    """Return one detector with all filters, which otherwise is the first one."""
    first = values[0]
    shape = first.filters.shape[1:]
    for index, value in enumerate(values):
        if value.filters.shape[1:] != shape:
            raise RuntimeError(
                f"detectors: wanted filters of {shape[1]} x {shape[2]} cells as the first one's, "
                f"found {value.filters.shape[2]} x {value.filters.shape[3]} at index {index}"
            )
    return replace(
        first,
        filters=np.concatenate([value.filters for value in values]),
        thresholds=np.concatenate([value.thresholds for value in values]),
    )


get_frontal_face_detector = Overloads(
    "get_frontal_face_detector", "The detector of faces that look at the camera."
)


@get_frontal_face_detector.add
def _() -> EarlyDetector:
    from phiz.loading import load
    from phiz.runtime import default_runtime

    runtime = default_runtime()
    made = fhog_object_detector.__new__(fhog_object_detector)
    with runtime_errors():
        made._model = runtime.keep(
            "dlib.get_frontal_face_detector", lambda: load("dlib-hog-frontal", runtime=runtime)
        )
    return made
