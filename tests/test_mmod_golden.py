"""Max-margin detectors against outputs of dlib's C++ library, kept in ../shared."""

from __future__ import annotations

import bz2
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.formats.dlib_net import Match, search_architectures
from phiz.geometry import to_inclusive
from phiz.kernels.canvas import fill_plane
from phiz.models.canvas_layout import output_to_input, place_levels
from phiz.models.landmarks import ForestLandmarker
from phiz.models.mmod import MmodDetector
from phiz.nets import ARCHITECTURES
from phiz.runtime import Runtime

pytestmark = pytest.mark.shared

RUNTIME = Runtime(2)
ARCHS = {
    "face": "dlib-mmod-human",
    "facepypi": "dlib-mmod-human",
    "rear": "dlib-mmod-rear-vehicle",
    "frontrear": "dlib-mmod-vehicle",
    "hipsterizer": "dlib-mmod-dog",
    "dlib20/hipsterizer": "dlib-mmod-dog",
}
FILES = {
    "face": "mmod_human_face_detector_dlib-models.dat.bz2",
    "rear": "mmod_rear_end_vehicle_detector.dat.bz2",
    "frontrear": "mmod_front_and_rear_end_vehicle_detector.dat.bz2",
}
RUNS = [
    *((net, run) for net in ("face", "facepypi") for run in ("2008_001322", "bald_crop")),
    ("face", "pattern"),
    *((net, run) for net in ("rear", "frontrear") for run in ("cars2crop", "pattern", "synth")),
]
THRESHOLDS = {"dets_adjust0": 0.0, "dets_adjust_-0.5": -0.5, "dets_adjust_-1.0": -1.0}
Known = dict[str, tuple[Match, MmodDetector]]


class Recorder:
    """A session that keeps what the last run returned."""

    def __init__(self, match: Match) -> None:
        self._session = compile_graph(match.graph, threads=2)

    def run(self, feeds: Any) -> dict[str, np.ndarray]:
        self.last = self._session.run(feeds)
        return self.last


def weights(shared: Path, net: str) -> bytes:
    if net == "facepypi":
        models = pytest.importorskip(
            "face_recognition_models", reason="the package with this weight file is not installed"
        )
        return Path(models.cnn_face_detector_model_location()).read_bytes()
    if net in FILES:
        return bz2.decompress((shared / "models" / FILES[net]).read_bytes())
    path = shared / "golden" / "dlib" / net / "mmod_dog_hipsterizer_pattern.dat.xz"
    return lzma.decompress(path.read_bytes())


def assemble(match: Match, **more: Any) -> MmodDetector:
    source = match.params.input
    return MmodDetector(
        Recorder(match),
        net=match.params.loss["options"],
        mean=source["mean"],
        padding=source["padding"],
        outer_padding=source["outer_padding"],
        steps=output_to_input(match.graph),
        forest=match.forest,
        name=match.layout.name,
        identity="",
        runtime=RUNTIME,
        **more,
    )


@pytest.fixture(scope="module")
def known(shared: Path) -> Callable[[str], tuple[Match, MmodDetector]]:
    made: Known = {}

    def get(net: str) -> tuple[Match, MmodDetector]:
        if net not in made:
            arch = ARCHITECTURES[ARCHS[net]]
            match = search_architectures(weights(shared, net), net, [arch])
            made[net] = match, assemble(match)
        return made[net]

    return get


def picture(folder: Path, run: str) -> np.ndarray:
    if run == "cars2crop":  # kept as level 0 of the 8-bit canvas only
        values = json.loads((folder / "rear_cars2crop.json").read_text())
        left, top, right, bottom = values["tiled_rects_ltrb"][0]
        canvas = np.array(Image.open(folder / "rear_cars2crop_tiled.png").convert("RGB"))
        return np.ascontiguousarray(canvas[top : bottom + 1, left : right + 1])
    name = "in_pattern120x160.png" if run == "pattern" else f"in_{run}.png"
    return np.array(Image.open(folder / name).convert("RGB"))


def boxes(found: list[dict[str, Any]], key: str) -> np.ndarray:
    rows = np.array([one[key] for one in found], np.float32).reshape(-1, 4)
    return rows + np.array([0, 0, 1, 1], np.float32)


@pytest.mark.parametrize(("net", "run"), RUNS)
def test_runs_of_the_cpp_library(net: str, run: str, shared: Path, known: Any) -> None:
    folder = shared / "golden" / "dlib" / "mmod"
    expected = json.loads((folder / f"{net}_{run}.json").read_text())
    image = picture(folder, run)
    layout = place_levels(*image.shape[:2], padding=10, outer_padding=11)
    assert [layout.rows, layout.columns] == expected["tensor_shape"][2:]
    assert layout.levels.tolist() == expected["tiled_rects_ltrb"]

    match, detector = known(net)
    for key, threshold in THRESHOLDS.items():
        faces = detector(image, threshold=threshold)
        np.testing.assert_array_equal(faces.boxes, boxes(expected[key], "rect"))
        # Sums in another order; scores are below 2.
        scores = np.array([one["score"] for one in expected[key]], np.float32)
        np.testing.assert_allclose(faces.scores, scores, atol=1e-5)
        names = [one["label"] for one in expected[key]]
        assert list(faces.labels or [""] * len(faces)) == names
    (raw,) = detector._session.last.values()
    wanted = np.load(folder / f"{net}_{run}_output.npy")
    np.testing.assert_allclose(raw, wanted, atol=1e-5 * np.abs(wanted).max())

    if match.forest is not None:
        refined = assemble(match, refine=True)
        for key, threshold in THRESHOLDS.items():
            faces = refined(image, threshold=threshold)
            np.testing.assert_array_equal(faces.boxes, boxes(expected[key], "refined"))


@pytest.mark.parametrize(
    ("folder", "run", "file"),
    [
        ("mmod", "pattern", "rear_pattern"),
        ("mmod", "synth", "rear_synth"),
        ("mmod", "cars2crop", "rear_cars2crop"),
        ("mmod", "2008_001322", "face_2008_001322"),
        ("hipsterizer", "dogs_small", "dogs_small"),
    ],
)
def test_canvases_to_the_last_bit(folder: str, run: str, file: str, shared: Path) -> None:
    place = shared / "golden" / "dlib" / folder
    image = picture(place, run)
    with lzma.open(place / f"{file}_input_tensor.npy.xz") as packed:
        (expected,) = np.load(packed)
    layout = place_levels(*image.shape[:2], padding=10, outer_padding=11)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    for channel, mean in enumerate((122.782, 117.001, 104.298)):
        plane = np.empty((layout.rows, layout.columns), np.float32)
        fill_plane(planes, channel, mean, layout.levels, plane)
        np.testing.assert_array_equal(plane, expected[channel])


@pytest.mark.parametrize("net", ["hipsterizer", "dlib20/hipsterizer"])
@pytest.mark.parametrize("run", ["pattern", "dogs_small"])
def test_dogs_of_the_cpp_library(net: str, run: str, shared: Path, known: Any) -> None:
    folder = shared / "golden" / "dlib" / net
    expected = json.loads((folder / f"{run}_dets.json").read_text())
    image = picture(folder, run)
    match, detector = known(net)
    faces = detector(image)
    wanted = boxes(expected["dets"], "rect")
    if net == "hipsterizer" and run == "pattern":
        wanted[1, 1] = -5  # 19.24 rounds -4.5 to -4; dlib 20 and phiz to -5
    np.testing.assert_array_equal(faces.boxes, wanted)
    scores = [one["score"] for one in expected["dets"]]
    np.testing.assert_allclose(faces.scores, scores, atol=1e-5)
    (raw,) = detector._session.last.values()
    output = np.load(folder / f"{run}_output.npy")
    np.testing.assert_allclose(raw, output, atol=1e-5 * np.abs(output).max())

    assert match.forest is not None
    landmarker = ForestLandmarker(
        match.forest, name="dog", identity="", scheme="dog-6", runtime=RUNTIME
    )
    rectangles = to_inclusive(boxes(expected["dets"], "rect"))
    points = landmarker.place(image, rectangles).points
    np.testing.assert_array_equal(points, np.array(expected["shapes"]).reshape(-1, 6, 2))
