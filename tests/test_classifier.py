"""Scores, crops and classifiers, on networks made here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.backends.ort import compile_graph
from phiz.checks import F32, U8
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.geometry import ChipSpec
from phiz.graph.builder import GraphBuilder
from phiz.graph.ops import Op
from phiz.models.chips import ChipPlace, cut_chip
from phiz.models.classifier import Crops, NetClassifier, softmax
from phiz.models.crops import CropRandom, central_crop, cut_crops, random_crops, ten_crops
from phiz.rng import DlibRandom
from phiz.runtime import Runtime
from phiz.scores import Scores

SIZE = 12


def some(*shape: int, seed: int = 0) -> U8:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pattern(rows: int, columns: int) -> U8:
    r, c, channel = np.ogrid[:rows, :columns, :3]
    return np.asarray(((r * 31 + c * 17 + channel * 101) ^ (r * c)) & 255, np.uint8)


def classifier(chip: ChipSpec | None = None, **options: Any) -> NetClassifier:
    """A network of two layers whose answers depend on where in the picture things are."""
    random = np.random.default_rng(1)

    def weights(*shape: int, spread: float = 1.0) -> F32:
        return np.asarray(random.normal(0, spread, shape), np.float32)

    build = GraphBuilder("small")
    value = build.image("image", SIZE, SIZE)
    value = build.add(Op.TO_TENSOR, [value], attrs={"mean": (120.0,) * 3, "scale": 1 / 256})
    value = build.add(
        Op.CONV,
        [value],
        attrs={"strides": (3, 3), "pads": (0,) * 4, "groups": 1},
        params={"weight": weights(5, 3, 3, 3), "bias": weights(5)},
    )
    value = build.add(Op.RELU, [value])
    params = {"weight": weights(80, 4, spread=0.2), "bias": weights(4)}
    value = build.add(Op.FC, [value], params=params)
    labels = tuple(f"label {i}, of 4" for i in range(4))
    return NetClassifier(
        compile_graph(build.finish([value]), threads=1),
        name="small", identity="small:0", chip=chip, size=SIZE, labels=labels,
        runtime=Runtime(2), **options,
    )  # fmt: skip


FACE = ChipSpec("dlib", SIZE, 0.2)

# What dlib's example draws first of a picture of 400 x 300, as (left, top, side), and the sums of
# the red, green and blue values in the left half of each crop of pattern(300, 400), 150 wide.
SQUARES = [
    (74, 129, 168), (234, 61, 157), (70, 97, 194), (121, 76, 209), (163, 70, 205), (84, 24, 254),
    (45, 33, 181), (102, 58, 145), (56, 50, 212), (132, 42, 160), (73, 56, 214), (54, 17, 253),
    (4, 14, 199), (3, 85, 173), (163, 0, 207), (208, 23, 151),
]  # fmt: skip
LEFT_HALVES = [
    [1573233, 1543671, 1499725], [1380961, 1432353, 1456472], [1351764, 1375688, 1411027],
    [1263639, 1297866, 1306767], [1480311, 1527774, 1512085], [1370330, 1330566, 1367659],
    [1420931, 1445403, 1499326], [1528298, 1488494, 1415239], [1561644, 1580065, 1622092],
    [1414076, 1425238, 1505558], [1564546, 1572516, 1625865], [1390831, 1395650, 1375677],
    [1513248, 1534858, 1494740], [1446803, 1392237, 1470609], [1449783, 1425529, 1410739],
    [1505068, 1439961, 1456199],
]  # fmt: skip


def test_softmax_in_double_precision() -> None:
    logits = np.array([[1000, 999, -1000], [0, 0, 0], [-5e4, 2, 2]], np.float32)
    found = softmax(logits)
    e = np.exp(1)
    expected = [[e / (1 + e), 1 / (1 + e), 0], [1 / 3] * 3, [0, 0.5, 0.5]]
    np.testing.assert_allclose(found, expected, atol=1e-15)
    assert softmax(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_scores_are_ranked_with_ties_by_index() -> None:
    probs = np.array([[0.2, 0.4, 0.4], [0.5, 0.25, 0.25]], np.float32)
    scores = Scores(probs, ("a", "b", "c"), np.array([0.5, 2.4], np.float32))
    assert [[label for label, _ in row] for row in scores.top(2)] == [["b", "c"], ["a", "b"]]
    assert scores.top(9)[1] == [("a", 0.5), ("b", 0.25), ("c", 0.25)]
    assert scores.years is not None
    assert scores.years.tolist() == [1, 2]  # halves away from zero, as lround
    assert len(scores) == 2
    last = scores[[1]]
    assert (len(last), last.top(1), last.labels) == (1, [[("a", 0.5)]], scores.labels)
    assert last.age is not None
    assert last.age.tolist() == [pytest.approx(2.4)]
    assert "2 x 3 labels, with ages" in repr(scores)
    assert "b 0.400, c 0.400" in scores._repr_html_()
    assert Scores(probs, ("a", "b", "c")).years is None


def test_scores_say_what_is_wrong() -> None:
    probs = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match="wanted 3 names, found 1"):
        Scores(probs, ("a",))
    with pytest.raises(ShapeError, match="float32"):
        Scores(probs.astype(np.float64), ("a", "b", "c"))
    with pytest.raises(ShapeError, match=r"age: wanted shape \(2,\)"):
        Scores(probs, ("a", "b", "c"), np.zeros(3, np.float32))
    with pytest.raises(OptionError, match="1 or more, found 0"):
        Scores(probs, ("a", "b", "c")).top(0)


def test_random_crops_are_those_of_the_cpp_example() -> None:
    """Compiled from dlib's dnn_imagenet_ex.cpp with GCC 12 and run on this pattern."""
    random = CropRandom()
    assert [random.square(300, 400) for _ in range(16)] == SQUARES
    crops = random_crops(pattern(300, 400), 150, CropRandom())
    left_halves = crops[:, :, :75].astype(np.int64).sum(axis=(1, 2))
    np.testing.assert_array_equal(left_halves, LEFT_HALVES)


def test_gaussians_of_dlib() -> None:
    random = DlibRandom()
    assert [random.gaussian() for _ in range(4)] == [
        1.5649443239775982, 0.47484903191787292, -0.49666697190789122, 2.3918851124071905,
    ]  # fmt: skip


@given(st.integers(20, 90), st.integers(20, 90), st.integers(1, 40), st.integers(0, 99))
def test_one_crop_is_an_upright_chip(rows: int, columns: int, size: int, seed: int) -> None:
    image = some(rows, columns, 3, seed=seed)
    x, y, side = CropRandom(seed).square(rows, columns)
    corners = (x, y, x + side - 1, y + side - 1)
    left, top, right, bottom = (float(corner) for corner in corners)
    chip = cut_chip(image, ChipPlace((left, top, right, bottom), 0.0, size, size))
    crop = cut_crops(image, np.array([corners], np.int64), size)[0]
    np.testing.assert_array_equal(crop, chip)


def test_crops_show_what_they_say() -> None:
    image = some(SIZE, SIZE, 3)
    np.testing.assert_array_equal(central_crop(image, SIZE)[0], image)
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = 200
    assert central_crop(wide, 20)[0, 3:-3, 3:-3].min() == 200
    quarters = np.zeros((160, 160, 3), np.uint8)
    quarters[:80, :80], quarters[:80, 80:], quarters[80:, :80] = 40, 80, 120
    crops = ten_crops(quarters, 70)  # each 140 wide, its middle 10 pixels from the corner of all
    np.testing.assert_array_equal(crops[5:], crops[:5, :, ::-1])
    assert [crops[i, 35, 35, 0] for i in range(4)] == [40, 80, 120, 0]
    assert [crops[4, y, x, 0] for y in (20, 50) for x in (20, 50)] == [40, 80, 120, 0]


def test_crops_reach_over_the_edge_in_black() -> None:
    image = np.full((20, 20, 3), 9, np.uint8)
    places = np.array([[-4, -4, 3, 3], [30, 30, 37, 37], [12, 12, 19, 19]], np.int64)
    copied = cut_crops(image, places, 8)
    assert copied[0, :4].max() == copied[0, :, :4].max() == copied[1].max() == 0
    assert (copied[0, 4:, 4:] == 9).all()
    assert (copied[2] == 9).all()
    with pytest.raises(ShapeError, match="none empty"):
        cut_crops(image, np.array([[5, 5, 4, 9]], np.int64), 8)
    assert cut_crops(image, np.zeros((0, 4), np.int64), 8).shape == (0, 8, 8, 3)
    assert cut_crops(image, np.array([[0, 0, 19, 19]], np.int64), 1).shape == (1, 1, 1, 3)


def test_tiny_pictures_have_no_random_crops() -> None:
    with pytest.raises(ImageError, match="found 9 x 2"):
        random_crops(some(2, 9, 3), SIZE, CropRandom())
    assert random_crops(some(3, 3, 3), SIZE, CropRandom(), 2).shape == (2, SIZE, SIZE, 3)


def test_faces_a_batch_equals_its_single_runs() -> None:
    model, chips = classifier(FACE), some(40, SIZE, SIZE, 3)
    scores = model(chips)
    np.testing.assert_allclose(scores.probs.sum(axis=1), 1, atol=1e-6)
    assert len(np.unique(scores.probs[:, 0])) == 40
    singles = np.concatenate([model(chip).probs for chip in chips])
    np.testing.assert_allclose(scores.probs, singles, rtol=0, atol=1e-6)
    none = model(chips[:0])
    assert none.probs.shape == (0, 4)
    assert "dlib-12-0.2, 4 labels" in repr(model)


def test_ages_are_expected_values() -> None:
    scores = classifier(FACE, ages=True)(some(3, SIZE, SIZE, 3))
    assert scores.age is not None
    expected = scores.probs.astype(np.float64) @ [0.25, 1, 2, 3]
    np.testing.assert_allclose(scores.age, expected, rtol=1e-6)


def test_pictures_of_any_size_are_cut_and_averaged() -> None:
    model = classifier()
    pictures = [some(30, 50, 3), some(SIZE, SIZE, 3, seed=1), some(90, 41, 3, seed=2)]
    alone = classifier(FACE)  # the same network, without cutting
    ways: list[tuple[Crops, Any]] = [(1, central_crop), (10, ten_crops)]
    for crops, cut in ways:
        found = model(pictures, crops=crops)
        expected = [alone(cut(image, SIZE)).probs.mean(axis=0) for image in pictures]
        np.testing.assert_allclose(found.probs, expected, rtol=0, atol=1e-6)
    random = CropRandom(7)
    drawn = [alone(random_crops(image, SIZE, random)).probs.mean(axis=0) for image in pictures]
    found = model(pictures, crops="random", seed=7)
    np.testing.assert_allclose(found.probs, drawn, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model(pictures[0], crops="random", seed=7).probs, found.probs[:1])
    assert (model(pictures[0], crops="random", seed=8).probs != found.probs[:1]).all()
    assert model([]).probs.shape == (0, 4)
    gray = model(pictures[0][:, :, 0])
    assert gray.probs.shape == (1, 4)


def test_faces_take_random_crops_where_their_program_does() -> None:
    model = classifier(FACE, crops=(1, "random"))
    assert model(some(30, 50, 3), crops="random").probs.shape == (1, 4)
    with pytest.raises(OptionError, match="wanted 1, 'random', found 10"):
        model(some(1, SIZE, SIZE, 3), crops=10)


def test_bad_input_is_refused() -> None:
    model = classifier(FACE)
    with pytest.raises(OptionError, match="wanted 1, found 'random'"):
        model(some(1, SIZE, SIZE, 3), crops="random")
    with pytest.raises(
        ShapeError, match=r"wanted shape \(any, 12, 12, 3\), found \(1, 13, 12, 3\)"
    ):
        model(some(1, 13, 12, 3))
    with pytest.raises(ShapeError, match="uint8 RGB, found float64"):
        model(np.zeros((1, SIZE, SIZE, 3)))
    with pytest.raises(ImageError, match=r"not int"):
        classifier()(7)
    with pytest.raises(OptionError, match="wanted size 12, found 32"):
        classifier(ChipSpec("dlib", 32, 0.2))
    short = NetClassifier(
        model._session, name="short", identity="short:0", chip=FACE, size=SIZE,
        labels=("one", "two"), runtime=Runtime(1),
    )  # fmt: skip
    with pytest.raises(ShapeError, match="short: wanted 2 outputs, found 4"):
        short(some(1, SIZE, SIZE, 3))
