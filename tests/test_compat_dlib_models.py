"""dlib's models, chips, clustering and pictures: side by side with dlib's own module."""

from __future__ import annotations

import pickle  # noqa: TID251 - dlib's objects are exchanged so
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.compat import dlib as ours
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.formats.dlib_fhog_write import write_fhog_detector
from tests import dlib_models as calls
from tests import dlib_writer
from tests.sources import weight_file

pytestmark = pytest.mark.oracle

Names = dict[str, Any]


def _random_detector(window: int, detectors: int, cell: int = 8) -> bytes:
    value = read_fhog_detector(
        Cursor(dlib_writer.fhog_detector(window=window, detectors=detectors, seed=window), "made")
    )
    if cell == 8:
        return write_fhog_detector(value, upsampling=0)
    # As many cells as before, of another size: the window grows with them.
    return write_fhog_detector(replace(value, cell=cell, window=(window // 8 * cell,) * 2))


@pytest.fixture(scope="module")
def names_of(
    dlib: Any, pictures: dict[str, np.ndarray], tmp_path_factory: Any
) -> Callable[[Any], Names]:
    folder = tmp_path_factory.mktemp("dlib")
    (folder / "junk").write_bytes(b"hello world, this is junk")
    (folder / "empty").write_bytes(b"")
    (folder / "small").write_bytes(_random_detector(32, 2))
    (folder / "wide").write_bytes(_random_detector(56, 1))
    (folder / "cell").write_bytes(_random_detector(32, 1, cell=6))
    frontal = weight_file("dlib-hog-frontal").read_bytes()
    (folder / "simple").write_bytes(frontal + b"\x01\x01\x01\x01")  # upsampled once
    (folder / "saved").write_bytes(frontal)
    picture = pictures["astronaut.png"]
    random = np.random.default_rng(0)
    fixed = {
        "a": picture,
        "g": np.ascontiguousarray(picture[:, :, 1]),
        "g1": np.ascontiguousarray(picture[:, :, 1:2]),
        "S": np.zeros((3, 4, 3), np.uint8),
        "chip": np.ascontiguousarray(picture[50:200, 150:300]),
        "V": random.standard_normal((150, 3)) * 0.7,
        "NOT_FINITE": [(np.nan, 1, 1), (1, np.inf, 1), (1, 1, np.nan), (np.nan,)],
        "EDGES": [
            [
                (int(i), int(j), float(w))
                for (i, j), w in zip(ends, random.normal(size=200), strict=True)
            ]
            for ends in random.integers(0, 60, (8, 200, 2))
        ],
        "points": str(weight_file("dlib-landmarks-5")),
        "tmp": str(folder),
    }
    made: dict[str, Names] = {}

    def names(d: Any) -> Names:
        if d.__name__ in made:
            return made[d.__name__]
        hog = d.get_frontal_face_detector()
        box = hog(picture)[0]
        sp = d.shape_predictor(fixed["points"])
        sp68 = d.shape_predictor(str(weight_file("dlib-landmarks-68")))
        f, f68 = sp(picture, box), sp68(picture, box)
        made[d.__name__] = {
            **fixed, "d": d, "hog": hog, "box": box, "sp": sp, "sp68": sp68, "f": f, "f68": f68,
            "fs": d.full_object_detections([f, f68]),
            "odd": d.full_object_detection(box, [d.point(1, 2)] * 3),
            "net": d.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1"))),
            "place": d.chip_details(d.rectangle(100, 100, 400, 350), 4000, 0.3),
            **{
                name: d.simple_object_detector(str(folder / name))
                for name in ("simple", "small", "wide")
            },
            "cell": d.fhog_object_detector(str(folder / "cell")),
        }  # fmt: skip
        return made[d.__name__]

    return names


@pytest.mark.parametrize(
    "call",
    [
        *calls.lines(calls.DETECTORS),
        *calls.lines(calls.LANDMARKS),
        *calls.lines(calls.DESCRIPTORS),
        *calls.lines(calls.CHIPS),
        *calls.lines(calls.CLUSTERING),
    ],
)
def test_a_call_ends_as_dlibs(dlib: Any, names_of: Callable[[Any], Names], call: str) -> None:
    calls.assert_alike(calls.outcome(call, names_of(ours)), calls.outcome(call, names_of(dlib)))


@pytest.mark.parametrize("name", ["hog", "simple", "sp", "cell"])
def test_pickles_are_exchanged(dlib: Any, names_of: Callable[[Any], Names], name: str) -> None:
    mine, its = names_of(ours)[name], names_of(dlib)[name]
    assert mine.__getstate__() == its.__getstate__()
    here = type(mine).__new__(type(mine))
    here.__setstate__(its.__getstate__())
    there = type(its).__new__(type(its))
    there.__setstate__(mine.__getstate__())
    kept = pickle.loads(pickle.dumps(mine))
    assert kept.__getstate__() == here.__getstate__() == there.__getstate__()


RANDOM = np.random.default_rng(1)
COLOUR = RANDOM.integers(0, 256, (17, 19, 3), np.uint8)
ALPHA = RANDOM.integers(0, 256, (17, 19), np.uint8)
COLOUR[0], ALPHA[:4] = 9, 255
CLEAR = bytes([0, 9, 255, 128] * 4)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "L", {}),
        ("PNG", "1", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "LA", {}),
        ("PNG", "P", {}),
        ("PNG", "P", {"bits": 4}),
        ("PNG", "P", {"transparency": CLEAR}),
        ("PNG", "RGB", {"transparency": (9, 9, 9)}),
        ("PNG", "L", {"transparency": 9}),
        ("BMP", "RGB", {}),
        ("BMP", "L", {}),
        ("JPEG", "L", {}),
    ],
)
def test_files_give_dlibs_pixels(
    dlib: Any, tmp_path: Path, kind: str, mode: str, options: dict[str, Any]
) -> None:
    full = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    picture = full.convert("RGB").quantize(16) if mode == "P" else full.convert(mode)
    path = str(tmp_path / "picture")
    picture.save(path, kind, **options)
    for name in ("load_rgb_image", "load_grayscale_image", "load_rgb_alpha_image"):
        np.testing.assert_array_equal(getattr(ours, name)(path), getattr(dlib, name)(path))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".PNG"])
@pytest.mark.parametrize("channels", [0, 3, 4])
def test_written_pictures_are_dlibs(dlib: Any, tmp_path: Path, suffix: str, channels: int) -> None:
    shape = (17, 19, channels) if channels else (17, 19)
    picture = np.random.default_rng(channels).integers(0, 256, shape, np.uint8)
    mine, its = tmp_path / f"mine{suffix}", tmp_path / f"its{suffix}"
    ours.save_image(picture, str(mine))
    dlib.save_image(picture, str(its))
    np.testing.assert_array_equal(np.array(Image.open(mine)), np.array(Image.open(its)))


def test_an_orientation_is_left_alone(dlib: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    path = str(tmp_path / "turned.jpg")
    Image.new("RGB", (40, 24)).save(path, exif=exif)
    assert ours.load_rgb_image(path).shape == dlib.load_rgb_image(path).shape == (24, 40, 3)


def test_face_chips_are_written(
    dlib: Any, names_of: Callable[[Any], Names], tmp_path: Path
) -> None:
    for d in (dlib, ours):
        names, folder = names_of(d), tmp_path / d.__name__
        folder.mkdir()
        d.save_face_chip(names["a"], names["f"], str(folder / "one"))
        d.save_face_chips(names["a"], names["fs"], str(folder / "face"), 60, padding=0.1)
        found = {path.name: len(d.load_rgb_image(str(path))) for path in folder.iterdir()}
        assert found == {"one.jpg": 150, "face_1.jpg": 60, "face_2.jpg": 60}


def test_a_model_of_unknown_hash_is_tried(
    dlib: Any, names_of: Callable[[Any], Names], tmp_path: Path
) -> None:
    data = bytearray(weight_file("dlib-face-resnet-v1").read_bytes())
    data[2_000_000] ^= 1  # a mantissa's last bits, whichever byte this is, or its last but one
    path = tmp_path / "changed.dat"
    path.write_bytes(data)
    chip = names_of(ours)["chip"]
    rows = [
        np.array(d.face_recognition_model_v1(str(path)).compute_face_descriptor(chip))
        for d in (ours, dlib)
    ]
    np.testing.assert_allclose(*rows, rtol=0, atol=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize(
    "file",
    ["mmod_human_face_detector_dlib-models.dat", "mmod_rear_end_vehicle_detector.dat"],
)
def test_cnn_detectors(dlib: Any, shared: Path, tmp_path: Path, pictures: Any, file: str) -> None:
    import bz2

    path = tmp_path / file
    path.write_bytes(bz2.decompress((shared / "models" / f"{file}.bz2").read_bytes()))
    picture = np.ascontiguousarray(pictures["astronaut.png"][:240, 100:340])
    lines = [
        "net(a), net(a[:, :, 0]), net(img=a, upsample_num_times=1), type(net(a))",
        "net([a, a]), net(imgs=[a], upsample_num_times=0, batch_size=2), net([])",
        "net([a, a[:50]])",
        "net([3])",
        "net(a.astype('f4'))",
        "net([a], 0, 0)",
        "net(3)",
    ]
    for line in lines:
        answers = []
        for d in (ours, dlib):
            net = d.cnn_face_detection_model_v1(str(path))
            answers.append(calls.outcome(line, {"net": net, "a": picture, "d": d}))
        calls.assert_alike(*answers)
