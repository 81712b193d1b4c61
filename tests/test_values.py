"""Values: what they hold, what they refuse, and how they slice."""

from __future__ import annotations

import pickle  # noqa: TID251 - of errors, between processes

import numpy as np
import pytest

import phiz
from phiz import errors
from phiz.table import FaceTable, Picture


def faces(count: int = 3) -> phiz.Faces:
    boxes = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
    return phiz.Faces(
        boxes,
        np.linspace(1, 0, count, dtype=np.float32),
        tuple("abcdefgh"[:count]),
        np.arange(count, dtype=np.int64),
    )


def test_faces_slice_by_mask_list_and_slice() -> None:
    some = faces()
    assert some[np.array([True, False, True])].labels == ("a", "c")
    assert some[[2, 0]].sub.tolist() == [2, 0]
    assert len(some[:0]) == 0
    np.testing.assert_array_equal(some[1:].boxes, some.boxes[1:])
    assert some.areas.tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [((3, 5), (3,)), ((2, 4), (3,)), ((4,), (1,))],
)
def test_faces_of_wrong_shapes_are_refused(boxes: tuple[int, ...], scores: tuple[int, ...]) -> None:
    with pytest.raises(errors.ShapeError, match="wanted shape"):
        phiz.Faces(np.zeros(boxes, np.float32), np.zeros(scores, np.float32))


def test_wrong_dtypes_are_refused() -> None:
    with pytest.raises(errors.ShapeError, match="wanted dtype float32, found float64"):
        phiz.Faces(np.zeros((1, 4)), np.zeros(1, np.float32))


def test_landmarks_are_arrays_with_a_scheme() -> None:
    points = np.zeros((2, 5, 2), np.float32)
    landmarks = phiz.Landmarks(points, "dlib-5")
    assert np.asarray(landmarks) is points
    assert np.array(landmarks, np.float64).dtype == np.float64
    assert len(landmarks[[1]]) == 1
    with pytest.raises(errors.ShapeError, match=r"\(any, 68, 2\)"):
        phiz.Landmarks(points, "ibug-68")
    with pytest.raises(errors.ShapeError, match="'dlib-6'"):
        phiz.Landmarks(points, "dlib-6")  # type: ignore[arg-type]


def test_descriptors_of_different_spaces_cannot_be_compared() -> None:
    one = phiz.Descriptors(np.zeros((1, 3), np.float32), "space a")
    other = phiz.Descriptors(np.zeros((1, 3), np.float32), "space b")
    with pytest.raises(errors.SpaceError, match="space a and space b"):
        one.distances(other)
    with pytest.raises(errors.ShapeError, match="finite"):
        phiz.Descriptors(np.full((1, 3), np.nan, np.float32), "s")


def test_distances_are_euclidean_in_float64() -> None:
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((n, 16)).astype(np.float32) for n in (3, 4))
    found = phiz.Descriptors(a, "s").distances(phiz.Descriptors(b, "s"))
    assert found.dtype == np.float64
    expected = np.linalg.norm(a.astype(float)[:, None] - b.astype(float)[None], axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    cosine = phiz.Descriptors(a, "s", "cosine").distances(phiz.Descriptors(a, "s", "cosine"))
    np.testing.assert_allclose(np.diag(cosine), 0, atol=1e-12)


def test_a_verification_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="may be None"):
        bool(phiz.Verification(None, None, 0.6, "no face"))


def table(name: str, count: int, **picture: object) -> FaceTable:
    return FaceTable.of_picture(
        Picture(name, f"{name}hash", 100, 50, **picture),  # type: ignore[arg-type]
        faces(count),
        phiz.Landmarks(np.ones((count, 5, 2), np.float32), "dlib-5"),
        phiz.Descriptors(np.full((count, 2), len(name), np.float32), "s"),
        settings_hash="x",
    )


def test_tables_stack_and_slice() -> None:
    both = FaceTable.concat([table("a", 2), table("none", 0), table("b", 3, frame=7, time=0.5)])
    assert len(both) == 5
    assert len(both.pictures) == 3
    assert both.source == ["a", "a", "b", "b", "b"]
    assert both.rank.tolist() == [0, 1, 0, 1, 2]
    assert both.width.tolist() == [100] * 5
    assert both.frame == [None, None, 7, 7, 7]
    assert both.time.tolist()[2:] == [0.5] * 3
    assert both[[4]].face_id == ["bhash-2"]
    assert both[both.scores > 0.4].source == ["a", "b", "b"]
    assert both.described().vectors.shape == (5, 2)
    assert len(FaceTable.concat([])) == 0


def test_tables_of_different_settings_do_not_stack() -> None:
    other = FaceTable.of_picture(Picture("c"), faces(1), settings_hash="y")
    with pytest.raises(errors.SpaceError):
        FaceTable.concat([table("a", 1), other])


def test_records_are_one_per_picture_with_or_without_faces() -> None:
    broken = FaceTable.of_picture(Picture("bad.jpg", error="bad.jpg: empty"), settings_hash="x")
    rows = list(table("a", 1).records()) + list(table("none", 0).records()) + list(broken.records())
    assert rows[0]["schema"] == 1
    assert rows[0]["faces"][0] == {
        "box": [0.0, 1.0, 2.0, 3.0],
        "score": 1.0,
        "label": "a",
        "landmarks": [[1.0, 1.0]] * 5,
        "descriptor": [1.0, 1.0],
    }
    assert rows[1]["faces"] == []
    assert rows[2] == {"schema": 1, "path": "bad.jpg", "error": "bad.jpg: empty"}


@pytest.mark.parametrize("value", [faces(), table("a", 2), table("a", 2).described()])
def test_values_show_in_notebooks(value: object) -> None:
    page = value._repr_html_()  # type: ignore[attr-defined]
    assert page.count("<tr>") == 1 + len(value)  # type: ignore[arg-type]


def test_format_errors_say_where_and_survive_pickling() -> None:
    error = errors.FormatError("w.dat", 17, "3 bytes", "1 left")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "w.dat @ byte 17: wanted 3 bytes, found 1 left"
    assert isinstance(again, ValueError)
    assert (again.path, again.at, again.want, again.found) == ("w.dat", 17, "3 bytes", "1 left")


def test_every_error_has_one_root_and_a_builtin_parent() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.PhizError)
        if kind is not errors.PhizError:
            assert any(base.__module__ == "builtins" for base in kind.__bases__)
