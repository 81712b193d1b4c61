"""phiz's dlib module without dlib: what importing it costs, its window, and what it refuses."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - dlib's objects are pickled so
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.compat import dlib
from phiz.compat.dlib.outside import METADATA, NAMES
from tests import dlib_writer
from tests.sources import weight_file
from tests.test_surface import modules_after


def test_importing_it_loads_nothing_heavy() -> None:
    loaded = modules_after("import phiz.compat.dlib as d; dir(d); d.rectangle(); d.matrix; d.cuda")
    assert not loaded & {"onnxruntime", "numba", "llvmlite", "PIL"}


def test_every_name_is_there() -> None:
    for name in (*dlib.__all__, *NAMES, METADATA):
        assert name in dir(dlib)
        assert getattr(dlib, name) is getattr(dlib, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dlib.nonsense


@pytest.mark.oracle
def test_no_name_of_dlibs_is_missing() -> None:
    real = pytest.importorskip("dlib", reason="the dlib-bin wheel is not installed")
    public = {name for name in dir(real) if not name.startswith("_")}
    assert public - set(dir(dlib)) == set()
    inside = {name for name in dir(real.image_dataset_metadata) if not name.startswith("_")}
    assert inside - set(dir(dlib.image_dataset_metadata)) == set()
    facts = [name for name in public if isinstance(getattr(real, name), bool)]
    assert {name: getattr(dlib, name) for name in facts} == {n: getattr(real, n) for n in facts}


def test_what_is_not_offered_says_so() -> None:
    for use in (
        lambda: dlib.correlation_tracker(),
        lambda: dlib.svm_c_trainer_linear(1, c=2),
        lambda: dlib.find_min_global(len, [0], [1], 10),
        lambda: dlib.image_dataset_metadata.dataset(),
        lambda: dlib.image_dataset_metadata.load_image_dataset_metadata("x"),
    ):
        with pytest.raises(NotImplementedError, match="pip install dlib"):
            use()
    assert not isinstance(3, dlib.line)


@pytest.fixture(scope="module")
def frontal() -> Any:
    return dlib.get_frontal_face_detector()


@pytest.fixture(scope="module")
def astronaut(pictures: dict[str, np.ndarray]) -> np.ndarray:
    return pictures["astronaut.png"]


def test_faces_points_and_descriptors(frontal: Any, astronaut: np.ndarray) -> None:
    (box,) = frontal(astronaut)
    assert (box.left(), box.top(), box.right(), box.bottom()) == (179, 83, 266, 170)
    points = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))(astronaut, box)
    assert points.num_parts == 5
    net = dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))
    one = np.array(net.compute_face_descriptor(astronaut, points))
    other = np.array(net.compute_face_descriptor(dlib.get_face_chip(astronaut, points)))
    assert one.shape == (128,)
    np.testing.assert_array_equal(one, other)


def test_jitter_goes_on_from_call_to_call_and_from_thread_to_thread(astronaut: np.ndarray) -> None:
    path = str(weight_file("dlib-face-resnet-v1"))
    chip = np.ascontiguousarray(astronaut[50:200, 150:300])
    first, second, third = (dlib.face_recognition_model_v1(path) for _ in range(3))

    def describe(net: Any) -> tuple[float, ...]:
        return tuple(net.compute_face_descriptor(chip, 2))

    in_turn = [describe(first) for _ in range(6)]
    assert len(set(in_turn)) == 6
    assert [describe(second) for _ in range(2)] == in_turn[:2]
    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(describe, [third] * 6)) == sorted(in_turn)


def test_threads_share_every_object(frontal: Any, astronaut: np.ndarray) -> None:
    predictor = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))

    def work(shift: int) -> str:
        picture = np.ascontiguousarray(astronaut[:, shift:])
        return repr([predictor(picture, box).parts() for box in frontal(picture)])

    alone = [work(shift) for shift in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == alone


@pytest.mark.parametrize("name", ["fhog_object_detector", "shape_predictor"])
def test_pickles_go_by_phizs_name_without_dlib(name: str) -> None:
    zoo = {"fhog_object_detector": "dlib-hog-frontal", "shape_predictor": "dlib-landmarks-5"}
    made = getattr(dlib, name)(str(weight_file(zoo[name])))
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is type(made)
    assert again.__getstate__() == made.__getstate__()


@pytest.mark.parametrize(
    ("name", "zoo"),
    [
        ("fhog_object_detector", "dlib-hog-frontal"),
        ("simple_object_detector", "dlib-hog-frontal"),
        ("shape_predictor", "dlib-landmarks-5"),
        ("face_recognition_model_v1", "dlib-face-resnet-v1"),
        ("cnn_face_detection_model_v1", "dlib-face-resnet-v1"),
    ],
)
def test_a_damaged_or_other_file_is_a_runtime_error(name: str, zoo: str, tmp_path: Path) -> None:
    data = weight_file(zoo).read_bytes()[:300_000]
    path = tmp_path / "weights.dat"
    for part in (data[:40], data[:-3], b"\xff" * 999, b"\x01\x02" * 99):
        path.write_bytes(part)
        with pytest.raises(RuntimeError):
            getattr(dlib, name)(str(path))


def test_pickled_bytes_that_are_no_object_are_refused(frontal: Any) -> None:
    for state in ((b"",), (b"abc",), (frontal.__getstate__()[0][:5000],)):
        made = dlib.fhog_object_detector.__new__(dlib.fhog_object_detector)
        with pytest.raises(RuntimeError):
            made.__setstate__(state)


def test_detectors_of_several_windows_do_not_become_one() -> None:
    made = []
    for side in (32, 56):
        made.append(dlib.simple_object_detector.__new__(dlib.simple_object_detector))
        made[-1].__setstate__((dlib_writer.fhog_detector(window=side) + b"\1\1\1\0",))
    with pytest.raises(RuntimeError, match="wanted filters"):
        dlib.simple_object_detector(made)


def test_a_window_keeps_what_it_would_show(tmp_path: Path) -> None:
    picture = np.full((60, 80, 3), 7, np.uint8)
    window = dlib.image_window(picture, "title")
    np.testing.assert_array_equal(window.image, picture)
    window.add_overlay(dlib.rectangle(10, 20, 30, 40))
    window.add_overlay(dlib.rectangles([dlib.rectangle(50, 5, 70, 9)]), dlib.rgb_pixel(0, 255, 0))
    window.add_overlay(dlib.drectangle(1.9, 1.9, 5.9, 5.9), color=dlib.rgb_pixel(1, 2, 3))
    window.add_overlay_circle(dlib.point(40, 40), 5, dlib.rgb_pixel(9, 9, 200))
    window.add_overlay_circle(dlib.dpoint(60, 50), radius=3.5)
    shown = window.image
    for x, y, colour in [
        (10, 20, (255, 0, 0)), (30, 33, (255, 0, 0)), (50, 7, (0, 255, 0)), (1, 3, (1, 2, 3)),
        (45, 40, (9, 9, 200)), (20, 30, (7, 7, 7)), (40, 40, (7, 7, 7)),
    ]:  # fmt: skip
        assert tuple(shown[y, x]) == colour, (x, y)
    window.save(str(tmp_path / "shown.png"))
    np.testing.assert_array_equal(dlib.load_rgb_image(str(tmp_path / "shown.png")), shown)
    window.clear_overlay()
    np.testing.assert_array_equal(window.image, picture)


def test_a_window_draws_faces_and_lists(frontal: Any, astronaut: np.ndarray) -> None:
    (box,) = frontal(astronaut)
    five, many = (
        dlib.shape_predictor(str(weight_file(name)))(astronaut, box)
        for name in ("dlib-landmarks-5", "dlib-landmarks-68")
    )
    odd = dlib.full_object_detection(box, [dlib.point(20, 20)] * 3)
    changed = []
    for overlay in (five, many, odd, [box, dlib.drectangle(box), five, many], []):
        window = dlib.image_window()
        assert window.image.shape == (0, 0, 3)
        window.set_image(astronaut)
        window.set_title("faces")
        window.add_overlay(overlay)
        changed.append(int((window.image != astronaut).any(axis=2).sum()))
    assert changed[-1] == 0
    assert 0 < changed[0] < changed[1] < changed[3]
    assert changed[2] > 300  # the box
    with pytest.raises(RuntimeError, match="Unable to cast"):
        dlib.image_window().add_overlay([3])
    with pytest.raises(TypeError, match="incompatible function arguments"):
        dlib.image_window().add_overlay(3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_a_window_shows_pictures_of_every_type(dtype: str) -> None:
    picture = np.array([[0, 5], [200, 90]], dtype)
    window = dlib.image_window(picture)
    np.testing.assert_array_equal(window.image, np.repeat(picture[:, :, None], 3, 2))
    if dtype != "uint8":
        window.set_image(picture * 100 - 1)
        assert window.image[1, 0].tolist() == [255, 255, 255]


def test_a_window_never_waits() -> None:
    waits = {
        "wait_until_closed": (),
        "get_next_double_click": (),
        "get_next_keypress": (),
        "wait_for_keypress": ("q",),
    }
    for name, given in waits.items():
        window = dlib.image_window()
        assert not window.is_closed()
        assert getattr(window, name)(*given) is None
        assert window.is_closed()
    assert dlib.image_window().get_next_keypress(get_keyboard_modifiers=True) == (None, None)


def test_enter_is_one_line_or_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    for _ in range(3):
        dlib.hit_enter_to_continue()
    assert capsys.readouterr().out == "Hit enter to continue" * 3


def test_what_cannot_be_written_or_read_is_an_error(tmp_path: Path) -> None:
    picture = np.zeros((4, 5, 3), np.uint8)
    for name, told in (
        ("x.dng", "dlib's own format"), ("missing/x.png", "Unable to open"), ("x.gif", "must end")
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=told):
            dlib.save_image(picture, str(tmp_path / name))
    with pytest.raises(RuntimeError, match="empty"):
        dlib.save_image(picture[:0], str(tmp_path / "x.png"))
    dlib.save_image(picture, str(tmp_path / "whole.png"))
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(RuntimeError, match=r"cut\.png"):
        dlib.load_rgb_image(str(tmp_path / "cut.png"))


def test_chips_that_would_be_endless_are_refused() -> None:
    picture = np.zeros((40, 50, 3), np.uint8)
    box = dlib.rectangle(1, 1, 20, 20)
    with pytest.raises(RuntimeError, match="at least one row"):
        dlib.extract_image_chip(picture, dlib.chip_details(box, dlib.chip_dims(0, 4)))
    with pytest.raises(MemoryError):
        dlib.extract_image_chip(picture, dlib.chip_details(box, dlib.chip_dims(2**40, 2**40)))
    far = dlib.chip_details(dlib.drectangle(float("nan"), 0, 1, 1), 9)
    with pytest.raises(RuntimeError, match="wanted numbers"):
        dlib.extract_image_chip(picture, far)


def test_vectors_of_several_lengths_have_no_distance() -> None:
    mixed = [dlib.vector([1, 2]), dlib.vector([1, 2, 3])]
    for cluster in (
        lambda: dlib.chinese_whispers_clustering(mixed, 0.5),
        lambda: dlib.bottom_up_clustering(mixed),
    ):
        with pytest.raises(RuntimeError, match="one length"):
            cluster()
