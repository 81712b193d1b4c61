"""Describers that come as an ONNX file: what they are fed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import phiz
from phiz.errors import OptionError, ShapeError
from phiz.evaluation.own_model import load_own_model
from phiz.geometry import ARCFACE_112, ChipSpec
from phiz.models.align import align
from phiz.values import Landmarks

SPEC: dict[str, Any] = {"size": 112, "threshold": 0.5}


def network(path: Path, shape: tuple[int | str, ...] = ("n", 3, 112, 112)) -> Path:
    """A network whose descriptor is each channel's mean and its value at row 2, column 5."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    first = shape[-3:].index(3) + 1
    axes = [axis for axis in (1, 2, 3) if axis != first]
    ends = helper.make_tensor("ends", kinds.INT64, [2], [3, 6])
    starts = helper.make_tensor("starts", kinds.INT64, [2], [2, 5])
    where = helper.make_tensor("axes", kinds.INT64, [2], axes)
    nodes = [
        helper.make_node("ReduceMean", ["face"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Slice", ["face", "starts", "ends", "axes"], ["point"]),
        helper.make_node("Flatten", ["point"], ["flat"]),
        helper.make_node("Concat", ["mean", "flat"], ["vector"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("face", kinds.FLOAT, list(shape))],
        [helper.make_tensor_value_info("vector", kinds.FLOAT, [shape[0], 6])],
        [starts, ends, where],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def written(folder: Path, spec: object) -> Path:
    path = folder / "input.json"
    path.write_text(spec if isinstance(spec, str) else json.dumps(spec))
    return path


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
@pytest.mark.parametrize(
    ("layout", "shape"),
    [("NCHW", ("n", 3, 112, 112)), ("NHWC", ("n", 112, 112, 3)), ("NCHW", (2, 3, 112, 112))],
)
def test_a_network_is_fed_what_its_specification_says(
    tmp_path: Path, colour: str, layout: str, shape: tuple[int | str, ...]
) -> None:
    given = {"colour": colour, "layout": layout, "mean": [10, 20, 30], "scale": [1, 2, 0.5]}
    model = load_own_model(network(tmp_path / "net.onnx", shape), written(tmp_path, SPEC | given))
    chips = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3)).astype(np.uint8)
    fed = (chips if colour == "RGB" else chips[..., ::-1]) - np.array([10.0, 20.0, 30.0])
    fed = fed * [1.0, 2.0, 0.5]
    expected = np.concatenate([fed.mean(axis=(1, 2)), fed[:, 2, 5]], axis=1)
    found = model(chips)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-3)
    assert (found.metric, found.threshold) == ("cosine", 0.5)
    assert model(chips[:0]).vectors.shape == (0, 6)
    assert model.input == ARCFACE_112


def test_a_face_on_the_template_is_cut_as_it_is() -> None:
    """Five points of 68 that lie on the template: the chip is the picture's corner."""
    picture = np.random.default_rng(1).integers(0, 256, (150, 140, 3)).astype(np.uint8)
    points = np.zeros((1, 68, 2), np.float32)
    template = np.array(ARCFACE_112.template)
    for first, place in ((36, 0), (42, 1)):
        around = np.array([[-3, 0], [3, 0], [0, 2], [0, -2], [1, 1], [-1, -1]])
        points[0, first : first + 6] = template[place] + around
    for at, place in ((30, 2), (48, 3), (54, 4)):
        points[0, at] = template[place]
    (chip,) = align(picture, Landmarks(points, "ibug-68"), chip=ARCFACE_112)
    assert np.abs(chip.astype(int) - picture[:112, :112]).max() <= 1
    five = Landmarks(template[None].astype(np.float32), "mtcnn-5")
    (same,) = align(picture, five, chip=ARCFACE_112)
    assert np.abs(same.astype(int) - picture[:112, :112]).max() <= 1


def test_a_turned_face_is_turned_back() -> None:
    """The similarity of the points is sampled bilinearly, pixel by pixel."""
    random = np.random.default_rng(2)
    picture = random.integers(0, 256, (9, 9, 3)).astype(np.float64)
    picture = np.kron(picture, np.ones((20, 20, 1)))[:160, :160].astype(np.uint8)
    angle, scale, shift = 0.3, 1.1, np.array([20.0, 8.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    five = np.array(ARCFACE_112.template) @ turn.T + shift
    (chip,) = align(picture, Landmarks(five[None].astype(np.float32), "mtcnn-5"), chip=ARCFACE_112)
    rows, columns = np.mgrid[:112, :112]
    x, y = np.moveaxis(np.stack([columns, rows], axis=-1) @ turn.T + shift, -1, 0)
    inside = (x >= 0) & (y >= 0) & (x < 159) & (y < 159)
    left, top = np.floor(x[inside]).astype(int), np.floor(y[inside]).astype(int)
    dx, dy = (x[inside] - left)[:, None], (y[inside] - top)[:, None]
    wide = picture.astype(np.float64)
    upper = wide[top, left] * (1 - dx) + wide[top, left + 1] * dx
    lower = wide[top + 1, left] * (1 - dx) + wide[top + 1, left + 1] * dx
    expected = upper * (1 - dy) + lower * dy
    assert inside.mean() > 0.8
    assert np.abs(chip[inside] - expected).max() <= 1.01


def test_dlibs_five_points_have_no_mouth() -> None:
    five = Landmarks(np.zeros((1, 5, 2), np.float32), "dlib-5")
    with pytest.raises(ShapeError, match="wants ibug-68 or mtcnn-5, found dlib-5"):
        align(np.zeros((50, 50, 3), np.uint8), five, chip=ARCFACE_112)


def test_the_pipeline_takes_it(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    model = load_own_model(network(tmp_path / "net.onnx"), written(tmp_path, SPEC))
    table = phiz.analyze(pictures["astronaut.png"], landmarks="dlib-landmarks-68", descriptor=model)
    assert table.described().vectors.shape == (len(table), 6)
    assert len(table) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{", "input.json: not JSON"),
        ("[]", "wanted a JSON object"),
        ("[" * 30_000, "not JSON"),
        ({"size": 112}, "threshold"),
        (SPEC | {"sise": 3}, "unknown key 'sise'"),
        (SPEC | {"size": 4000}, "size: wanted whole pixels, 8 to 1024, found 4000"),
        (SPEC | {"size": True}, "size"),
        (SPEC | {"colour": "YUV"}, "colour: wanted RGB or BGR, found 'YUV'"),
        (SPEC | {"colour": ["RGB"]}, "colour: wanted RGB or BGR"),
        (SPEC | {"mean": [1, 2]}, "mean: wanted one number or three, found 2"),
        (SPEC | {"scale": "x"}, "scale: wanted a number, found 'x'"),
        (SPEC | {"template": [[1, 2]]}, "template: wanted five points"),
        (SPEC | {"template": [[1, 2, 3]] * 5}, "template: wanted points"),
        (SPEC | {"metric": "hamming"}, "metric: wanted cosine or euclidean"),
        (SPEC | {"threshold": float("nan")}, "threshold: wanted a number"),
        (SPEC | {"size": 96}, r"net.onnx: .* takes float32 \(n, 3, 96, 96\), found"),
    ],
)  # fmt: skip
def test_specifications_that_do_not_fit_are_refused(
    tmp_path: Path, spec: object, message: str
) -> None:
    model = network(tmp_path / "net.onnx")
    with pytest.raises(OptionError, match=message):
        load_own_model(model, written(tmp_path, spec))


def test_files_that_are_no_networks_are_refused(tmp_path: Path) -> None:
    spec = written(tmp_path, SPEC)
    junk = tmp_path / "junk.onnx"
    whole = network(tmp_path / "net.onnx").read_bytes()
    for content in (b"", b"junk", whole[: len(whole) // 2]):
        junk.write_bytes(content)
        with pytest.raises(OptionError, match=r"junk\.onnx: "):
            load_own_model(junk, spec)
    with pytest.raises(OSError, match="nowhere"):
        load_own_model(tmp_path / "nowhere.onnx", spec)


@pytest.mark.parametrize("template", [(), ((1.0, 2.0),) * 4])
def test_chips_of_five_points_want_five(template: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(OptionError, match="wants 5 points"):
        ChipSpec("five-points", 112, 0.0, template)
    with pytest.raises(OptionError, match="wants no points"):
        ChipSpec("dlib", 112, 0.0, ARCFACE_112.template)
