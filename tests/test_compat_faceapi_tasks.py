"""face-api.js's tasks: when they run, in which order, on what.  Random networks will do."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.compat import faceapi
from phiz.compat.faceapi import Box
from phiz.errors import ImageError, ModelNotFound, OptionError, ShapeError
from phiz.models.faceapi_classifier import FaceapiClassifier
from phiz.runtime import Runtime
from tests.test_faceapi_faces import (
    Boxes,
    expression,
    noise,
    random_age_gender,
    random_describer,
    random_landmarker,
)
from tests.test_faceapi_nets import drawn

PLACES = [[-10, -20, 70, 75], [60, 30, 150, 140], [100, 20, 190, 110]]


class Counted(Boxes):
    """Boxes that are found as often as a task runs."""

    def __init__(self, boxes: Any) -> None:
        super().__init__(boxes)
        self.calls: list[object] = []
        self.options: object = None

    def __call__(self, *args: object, **options: object) -> Any:
        self.calls.append(self.options)
        return super().__call__(*args, **options)


@cache
def random_expression() -> FaceapiClassifier:
    return expression(drawn("faceapi-expression")[0])


def kept(boxes: Any) -> tuple[Runtime, Counted]:
    """Return a runtime that keeps random networks, and the detector that finds boxes."""
    runtime, detector = Runtime(2), Counted(boxes)
    for name in ("ssd-mobilenetv1", "tiny", "tiny-yolov2", "mtcnn"):
        runtime.keep(f"faceapi-{name}", lambda: detector)
    for name in ("landmarks-68", "landmarks-68-tiny"):
        runtime.keep(f"faceapi-{name}", random_landmarker)
    runtime.keep("faceapi-face-resnet", random_describer)
    runtime.keep("faceapi-expression", random_expression)
    runtime.keep("faceapi-age-gender", random_age_gender)
    return runtime, detector


IMAGE = noise(150, 200, 3)


def test_a_task_runs_once_and_only_when_it_is_looked_at() -> None:
    runtime, detector = kept(PLACES)
    task = faceapi.detect_all_faces(IMAGE, runtime=runtime)
    aligned = task.with_face_landmarks()
    assert repr(task) == "DetectAllFacesTask(not run yet)"
    assert detector.calls == []
    assert (len(aligned), len(task)) == (3, 3)
    assert [each.detection for each in aligned] == list(task) == task[:] == task.run()
    assert aligned[-1].detection is task[2]
    assert len(aligned.with_face_descriptors().run()) == 3
    assert detector.calls == [faceapi.SsdMobilenetv1Options()]
    assert repr(task) == "DetectAllFacesTask(3 found)"
    task.run().clear()
    assert len(task) == 3


def test_each_step_adds_its_part() -> None:
    runtime, _ = kept(PLACES)
    found = faceapi.detect_all_faces(IMAGE, runtime=runtime).with_face_landmarks()
    for first, second in (
        (found.with_face_expressions(), found.with_age_and_gender()),
        (found.with_age_and_gender(), found.with_face_expressions()),
    ):
        every = first.with_face_descriptors().with_age_and_gender().with_face_expressions()
        for one, other, whole in zip(first, second, every, strict=True):
            assert (one.expressions is None) != (other.expressions is None)
            assert (one.age is None) != (other.age is None)
            assert None not in (whole.expressions, whole.age, whole.gender)
            assert whole.descriptor is not None
            assert (whole.descriptor.shape, whole.descriptor.dtype) == ((128,), np.float32)
            assert whole.gender_probability is not None
            assert 0.5 <= whole.gender_probability <= 1
            assert sum(whole.expressions.values()) == pytest.approx(1)  # type: ignore[union-attr]
    plain = faceapi.detect_all_faces(IMAGE, runtime=runtime).with_face_expressions()
    assert all(each.landmarks is None for each in plain)
    assert plain[0].expressions.values() != found.with_face_expressions()[0].expressions.values()  # type: ignore[union-attr]


def test_the_steps_look_where_the_original_looks() -> None:
    runtime, _ = kept(PLACES)
    faces = faceapi.detect_all_faces(IMAGE, runtime=runtime)
    crops = faceapi.extract_faces(IMAGE, faces)
    assert [crop.shape[:2] for crop in crops] == [(75, 70), (110, 90), (90, 90)]
    np.testing.assert_array_equal(crops[0], IMAGE[:75, :70])
    for got, face_, crop in zip(faces.with_face_landmarks(), faces, crops, strict=True):
        inside = faceapi.detect_face_landmarks(crop, runtime=runtime)
        assert got.unshifted_landmarks is not None
        assert got.landmarks is not None
        assert got.unshifted_landmarks.image_dims == (crop.shape[1], crop.shape[0])
        want = inside.positions
        np.testing.assert_allclose(got.unshifted_landmarks.positions, want, atol=1e-3)
        corner = (face_.box.x, face_.box.y)
        np.testing.assert_allclose(got.landmarks.positions, want + corner, atol=1e-3)
    said = faceapi.predict_age_and_gender(crops, runtime=runtime)
    for result, alone in zip(faces.with_age_and_gender(), said, strict=True):
        assert (result.age, result.gender, result.gender_probability) == alone
    moods = faceapi.recognize_face_expressions(crops, runtime=runtime)
    assert [each.expressions for each in faces.with_face_expressions()] == moods


def test_the_single_face_is_the_best() -> None:
    runtime, detector = kept(PLACES)
    task = faceapi.detect_single_face(IMAGE, runtime=runtime)
    assert repr(task) == "DetectSingleFaceTask(DetectAllFacesTask(not run yet))"
    found = task.run()
    result = task.with_face_landmarks(use_tiny=True).with_face_descriptor()
    rest = result.with_age_and_gender().with_face_expressions().run()
    assert found is not None
    assert rest is not None
    assert rest.detection is found
    assert rest.descriptor is not None
    assert rest.expressions is not None
    assert len(detector.calls) == 1
    with pytest.raises(TypeError, match=r"ask run\(\)"):
        bool(task)
    nobody = faceapi.detect_single_face(IMAGE, runtime=kept([])[0])
    assert nobody.run() is None
    assert nobody.with_face_landmarks().with_face_descriptor().run() is None


def test_faces_that_show_nothing_are_left_out() -> None:
    runtime, _ = kept([PLACES[0], [210, 10, 260, 60], [50, 20, 50.4, 80], PLACES[1]])
    faces = faceapi.detect_all_faces(IMAGE, runtime=runtime)
    assert len(faces) == 4
    for task in (faces.with_face_landmarks(), faces.with_face_expressions()):
        assert [each.detection for each in task] == [faces[0], faces[3]]
    with pytest.raises(ShapeError, match="number 1 shows no whole pixel of the 200 x 150"):
        faceapi.extract_faces(IMAGE, faces)
    runtime, _ = kept([[210, 10, 260, 60]])
    task = faceapi.detect_all_faces(IMAGE, runtime=runtime).with_face_landmarks()
    assert task.with_face_descriptors().with_age_and_gender().with_face_expressions().run() == []


def test_the_order_of_steps() -> None:
    faces = faceapi.detect_all_faces(IMAGE)
    with pytest.raises(OptionError, match="descriptors want landmarks"):
        faces.with_face_descriptors()
    with pytest.raises(OptionError, match="descriptors want landmarks"):
        faces.with_age_and_gender().with_face_descriptors()
    with pytest.raises(OptionError, match="descriptors want landmarks"):
        faceapi.detect_single_face(IMAGE).with_face_descriptor()
    for task in (faces.with_face_expressions(), faces.with_face_landmarks()):
        with pytest.raises(OptionError, match="landmarks come first"):
            task.with_face_landmarks()


OPTIONS = [
    faceapi.SsdMobilenetv1Options(min_confidence=0.3, max_results=7),
    faceapi.TinyFaceDetectorOptions(input_size=320, score_threshold=0.4),
    faceapi.TinyYolov2Options(),
    faceapi.MtcnnOptions(min_face_size=40),
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: type(options).__name__)
def test_options_say_which_detector_runs_and_how(options: Any) -> None:
    runtime, detector = kept(PLACES)
    assert len(faceapi.detect_all_faces(IMAGE, options, runtime=runtime)) == 3
    assert detector.calls == [options]
    assert detector.options is None  # the one that is kept stays as it was


def test_options_that_are_wrong_are_refused() -> None:
    for wrong in ({"input_size": 320}, 0.5, "faceapi-tiny", object()):
        with pytest.raises(OptionError, match="wanted one of SsdMobilenetv1Options, TinyFace"):
            faceapi.detect_all_faces(IMAGE, wrong)  # type: ignore[arg-type]
    for kind, values in (
        (faceapi.SsdMobilenetv1Options, {"min_confidence": 0}),
        (faceapi.TinyFaceDetectorOptions, {"input_size": 300}),
        (faceapi.TinyYolov2Options, {"score_threshold": 1}),
        (faceapi.MtcnnOptions, {"scale_factor": 1.0}),
    ):
        with pytest.raises(OptionError):
            kind(**values)


def test_pictures_are_taken_as_they_lie_in_the_file() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(IMAGE).save(file, "PNG", exif=turned)
    crops = faceapi.extract_faces(file.getvalue(), [Box(0, 0, 1000, 1000)])
    np.testing.assert_array_equal(crops[0], IMAGE)


def test_pictures_and_models_that_are_not_there(
    own_cache: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = faceapi.detect_all_faces("nowhere.jpg", runtime=kept([])[0]).with_face_landmarks()
    with pytest.raises(ImageError, match=r"nowhere\.jpg"):
        task.run()
    with pytest.raises(ImageError):
        faceapi.compute_face_descriptor([IMAGE, b""], runtime=kept([])[0])
    monkeypatch.delenv("PHIZ_MODEL_DIR", raising=False)
    with pytest.raises(ModelNotFound, match="phiz models pull faceapi-ssd-mobilenetv1"):
        faceapi.detect_all_faces(IMAGE, runtime=Runtime(1)).run()


def test_lists_give_lists_and_pictures_one_answer() -> None:
    runtime, _ = kept([])
    crops = [noise(40, 50, 3), noise(70, 30, 3)]
    for ask in (
        faceapi.detect_face_landmarks,
        faceapi.compute_face_descriptor,
        faceapi.recognize_face_expressions,
        faceapi.predict_age_and_gender,
    ):
        both, one = ask(crops, runtime=runtime), ask(crops[1], runtime=runtime)
        assert len(both) == 2
        assert len(ask([], runtime=runtime)) == 0
        own = np.array(list(one.values()) if hasattr(one, "values") else one)
        listed = np.array(list(both[1].values()) if hasattr(both[1], "values") else both[1])
        if own.dtype.kind == "f":
            np.testing.assert_allclose(own, listed, atol=1e-5)
        else:
            np.testing.assert_array_equal(own, listed)
    assert faceapi.compute_face_descriptor(crops, runtime=runtime).shape == (2, 128)
