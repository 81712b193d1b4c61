"""face-api.js's networks: its own outputs on patterns, and the same numbers from every backend."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.errors import FormatError
from phiz.formats.tfjs import read_tfjs
from phiz.graph.graph import Graph
from phiz.graph.ops import Op
from phiz.nets import TFJS_ARCHITECTURES, Networks, PixelSpec, match_tensors
from phiz.nets.faceapi_layers import Tensors
from tests.sources import need_faceapi

BACKENDS = {"ort": lambda graph: compile_graph(graph, threads=2), "reference": ReferenceSession}


class Drawn(Tensors):
    """Makes up whatever tensor is wanted, and keeps it."""

    def __init__(self) -> None:
        super().__init__({}, "drawn")
        self.made: dict[str, np.ndarray] = {}
        self._chance = np.random.default_rng(0)

    def take(self, name: str, *shape: int) -> np.ndarray:
        fan_in = max(1, int(np.prod(shape[:-1])))
        values = self._chance.standard_normal(shape) * np.sqrt(2 / fan_in)
        if name.endswith(("variance", "gamma")):
            values = np.abs(values) + 0.5
        self.made[name] = values.astype(np.float32)
        return self.made[name]


@cache
def drawn(name: str) -> tuple[Networks, dict[str, np.ndarray]]:
    """Return an architecture's networks with random weights, and these."""
    tensors = Drawn()
    return TFJS_ARCHITECTURES[name].build(tensors), tensors.made


@cache
def published(name: str) -> Networks:
    """Return an architecture's networks with the weights that face-api.js publishes."""
    arch = TFJS_ARCHITECTURES[name]
    manifest = need_faceapi(arch.file)
    return arch.networks(read_tfjs(manifest).tensors(), str(manifest))


def feeds_of(graph: Graph, count: int = 1) -> dict[str, np.ndarray]:
    (source,) = graph.inputs
    rows, columns, channels = source.shape
    sides = (rows or 96, columns or 160)
    values = np.random.default_rng(1).standard_normal((count, *sides, channels))
    return {source.name: values.astype(np.float32)}


GRAPHS = [(name, i) for name in TFJS_ARCHITECTURES for i in range(3 if "mtcnn" in name else 1)]


@pytest.mark.parametrize(("name", "part"), GRAPHS)
def test_backends_agree_and_a_batch_equals_its_single_runs(name: str, part: int) -> None:
    graph = drawn(name)[0].graphs[part]
    session, feeds = compile_graph(graph, threads=2), feeds_of(graph, 3)
    found = session.run(feeds)
    first = {key: value[:1] for key, value in feeds.items()}
    for key, want in ReferenceSession(graph).run(first).items():
        scale = max(float(np.abs(want).max()), 0.01)
        np.testing.assert_allclose(found[key][:1] / scale, want / scale, atol=2e-5)
    for i in range(3):
        alone = session.run({key: value[i : i + 1] for key, value in feeds.items()})
        for key, value in alone.items():
            np.testing.assert_array_equal(found[key][i : i + 1], value)


@pytest.mark.parametrize("sides", [(12, 12), (13, 12), (12, 13), (37, 48)])
def test_sides_of_every_parity_are_padded_as_tensorflow_does(sides: tuple[int, int]) -> None:
    """A pool of 2, stride 2, has ceil(side / 2) outputs; those of 3 without padding, side - 2."""
    graph = drawn("faceapi-mtcnn")[0].graphs[0]
    want = tuple(-(-(side - 2) // 2) - 4 for side in sides)
    feeds = {"pixels": np.zeros((1, *sides, 3), np.float32)}
    for make in BACKENDS.values():
        assert make(graph).run(feeds)["regions"].shape[2:] == want


@pytest.mark.parametrize("name", TFJS_ARCHITECTURES)
def test_weights_name_their_architecture(name: str) -> None:
    arch, networks = match_tensors(drawn(name)[1], "f")
    assert arch.name == name
    assert [graph.name for graph in networks.graphs] == [g.name for g in drawn(name)[0].graphs]


@pytest.mark.parametrize("name", TFJS_ARCHITECTURES)
def test_weights_that_do_not_fit_are_named(name: str) -> None:
    arch, (_, tensors) = TFJS_ARCHITECTURES[name], drawn(name)
    last = list(tensors)[-1]
    missing = {key: value for key, value in tensors.items() if key != last}
    with pytest.raises(FormatError, match=f"the tensor {last} of shape .*, found none"):
        arch.networks(missing, "f")
    with pytest.raises(FormatError, match=f"tensor {last} of shape .* fits best.*, found none"):
        match_tensors(missing, "f", [arch])
    with pytest.raises(FormatError, match=rf"the tensor {last} of shape .*, found \(2, 3\)"):
        arch.networks({**tensors, last: np.zeros((2, 3), np.float32)}, "f")
    with pytest.raises(FormatError, match="no others, found 1 more: another"):
        arch.networks({**tensors, "another": tensors[last]}, "f")


def test_no_weights_match_nothing() -> None:
    with pytest.raises(FormatError, match="which fits best"):
        match_tensors({}, "f")


@dataclass(frozen=True)
class Run:
    """A value of a network, as face-api.js computed it on pattern A.

    sides: of the input.  key: of the array in ../shared.  first, mean: that array's first numbers
    and its mean, by face-api.js 0.22.2 with tfjs-core 1.7.0.
    """

    name: str
    value: str
    sides: tuple[int, int]
    key: str
    first: tuple[float, ...]
    mean: float
    part: int = 0


SSD, TINY, YOLO, MTCNN = (list(TFJS_ARCHITECTURES)[i] for i in range(4))
RUNS = [
    Run(SSD, "boxes", (512, 512), "ssd_boxPredictions",
        (-0.1919196, 1.244668, -3.040008), -0.3978141),
    Run(SSD, "classes", (512, 512), "ssd_classPredictions",
        (5.891283, -5.710367, -17.33078), -3.282948),
    Run(TINY, "conv8", (160, 160), "tiny_face_detector_160",
        (0.849912, 1.475217, -0.3279273), -4.934167),
    Run(TINY, "conv8", (416, 416), "tiny_face_detector_416", (), 0),
    Run(TINY, "conv8", (608, 608), "tiny_face_detector_608", (), 0),
    Run(YOLO, "conv8", (416, 416), "tiny_yolov2_separable_416",
        (0.2223375, 0.3677124, -0.005409274), -3.249051),
    Run(MTCNN, "prob", (48, 37), "pnet_prob_48x37", (0.9987399, 0.001260097, 0.9941016), 0.5),
    Run(MTCNN, "prob", (12, 12), "pnet_prob_12x12", (0.999658, 0.0003419547), 0.5),
    Run(MTCNN, "regions", (48, 37), "pnet_regions_48x37",
        (0.2616711, -0.03972556, -0.2821371), -0.0694796),
    Run(MTCNN, "prob", (24, 24), "rnet_scores", (0.000660551,), 0.000660551, 1),
    Run(MTCNN, "regions", (24, 24), "rnet_regions",
        (0.1568364, 0.004737601, 0.1196861), 0.1225176, 1),
    Run(MTCNN, "prob", (48, 48), "onet_scores", (0.002278653,), 0.002278653, 2),
    Run(MTCNN, "regions", (48, 48), "onet_regions",
        (0.0637406, -0.05118726, -0.0064523), 0.00855407, 2),
    Run(MTCNN, "points", (48, 48), "onet_points", (0.228516, 0.6411974, 0.4271868), 0.5118525, 2),
    Run("faceapi-landmarks-68", "points", (112, 112), "landmark68_fc",
        (0.3850692, 0.5032851, 0.5150856), 0.5475504),
    Run("faceapi-landmarks-68", "features", (112, 112), "landmark68_features", (), 0),
    Run("faceapi-landmarks-68-tiny", "points", (112, 112), "landmark68_tiny_fc",
        (0.2339478, 0.3205393, 0.2084129), 0.5603763),
    Run("faceapi-face-resnet", "descriptor", (150, 150), "recognition_descriptor",
        (-0.01909611, 0.1198788, 0.03230174), -0.002464725),
    Run("faceapi-expression", "logits", (112, 112), "expression_fc",
        (-0.9109502, -2.350065, 0.4386027), -2.767866),
    Run("faceapi-age-gender", "age", (112, 112), "age_gender_age", (52.8522,), 52.8522),
    Run("faceapi-age-gender", "gender", (112, 112), "age_gender_genderlogits",
        (1.758742, -0.5637463), 0.5974977),
]  # fmt: skip


def pattern_a(count: int) -> np.ndarray:
    return (np.arange(count) * 7919 % 256).astype(np.float32)


def pattern_b(count: int) -> np.ndarray:
    state, values = 12345, np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % (1 << 32)
        values[i] = state >> 24
    return values


@cache
def pattern(which: str, sides: tuple[int, int]) -> np.ndarray:
    """Return a picture, (1, rows, columns, 3) float32, 0..255."""
    make = pattern_a if which == "A" else pattern_b
    return make(sides[0] * sides[1] * 3).reshape(1, *sides, 3)


def pixels_of(image: np.ndarray, spec: PixelSpec) -> np.ndarray:
    """Return what a network takes; rows and channels as they are, whatever the spec says."""
    found: np.ndarray = (image - np.array(spec.mean, np.float32)) * np.float32(spec.scale)
    return found


@cache
def outputs(run_of: tuple[str, int, tuple[int, int]], which: str, backend: str) -> dict[str, Any]:
    name, part, sides = run_of
    graph = published(name).graphs[part]
    names = [*graph.outputs, *(node.name for node in graph.nodes if node.name == "features")]
    graph = Graph(graph.name, graph.inputs, graph.nodes, tuple(names))
    feeds = {"pixels": pixels_of(pattern(which, sides), TFJS_ARCHITECTURES[name].pixels)}
    return BACKENDS[backend](graph).run(feeds)


def flat(run: Run, which: str, backend: str) -> np.ndarray:
    """Return a run's numbers in face-api.js's order: channels last, both classes of a softmax."""
    value = outputs((run.name, run.part, run.sides), which, backend)[run.value]
    if run.value == "prob" and run.part == 0:
        value = np.concatenate([1 - value, value], axis=1)
    cells = run.value in ("boxes", "classes")
    return (value if cells else value.transpose(0, 2, 3, 1)).reshape(-1)


@pytest.mark.parametrize("run", [r for r in RUNS if r.first], ids=lambda r: r.key)
def test_first_outputs_are_those_of_faceapi(run: Run) -> None:
    found = flat(run, "A", "ort")
    limit = 1e-4 * max(float(np.abs(found).max()), 0.01)
    np.testing.assert_allclose(found[: len(run.first)], run.first, atol=limit)
    assert abs(float(found.mean()) - run.mean) < limit


@pytest.mark.shared
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("which", ["A", "B"])
@pytest.mark.parametrize("run", RUNS, ids=lambda r: f"{r.key}.{r.value}")
def test_outputs_are_those_of_faceapi(run: Run, which: str, backend: str, shared: Path) -> None:
    kind = {SSD: "ssd", TINY: "tiny", YOLO: "tiny", MTCNN: "mtcnn"}.get(run.name, "face")
    want = np.load(shared / "golden" / "faceapi" / "raw" / f"{kind}_pattern{which}.npz")[run.key]
    found = flat(run, which, backend)
    # ONNX Runtime's sigmoid is exact to 1e-7 of 1, not of a small result.
    limit = 1e-4 * max(float(np.abs(want).max()), 0.01)
    np.testing.assert_allclose(found, want.reshape(-1), atol=limit, rtol=0)


@pytest.mark.shared
def test_anchors_are_those_of_faceapi(shared: Path) -> None:
    want = np.load(shared / "golden" / "faceapi" / "raw" / "ssd_patternA.npz")
    anchors = published(SSD).arrays["anchors"]
    np.testing.assert_array_equal(anchors, want["ssd_anchors_extra_dim"][0])


_RENAMED = [  # face-api.js's names of parameters, and TensorFlow's in the file
    (r"^output_layer/", "Output/"),
    (r"^mobilenetv1/conv_0/", "mobilenetv1/conv_0/pointwise_conv/"),
    (r"^prediction_layer/conv_(\d)/", r"Prediction/Conv2d_\1_pointwise/"),
    (r"^prediction_layer/box_predictor_(\d)/", r"Prediction/BoxPredictor_\1/"),
    ("box_encoding_predictor", "BoxEncodingPredictor"),
    ("class_predictor", "ClassPredictor"),
    (r"^mobilenetv1/conv_(\d+)/(depth|point)wise_conv/", r"MobilenetV1/Conv2d_\1_\2wise/"),
    ("pointwise/filters", "pointwise/weights"),
    ("depthwise/filters", "depthwise/depthwise_weights"),
    ("pointwise/batch_norm_offset", "pointwise/convolution_bn_offset"),
    ("batch_norm_scale", "BatchNorm/gamma"),
    ("batch_norm_offset", "BatchNorm/beta"),
    ("batch_norm_", "BatchNorm/moving_"),
    ("Predictor/filters", "Predictor/weights"),
    ("Predictor/bias", "Predictor/biases"),
    (r"^(.net/conv\w+)/filters", r"\1/weights"),
]
_CHECKED = {
    "ssdMobilenetv1": SSD,
    "tinyFaceDetector": TINY,
    "tinyYolov2": YOLO,
    "mtcnn": MTCNN,
    "faceLandmark68Net": "faceapi-landmarks-68",
    "faceLandmark68TinyNet": "faceapi-landmarks-68-tiny",
    "faceRecognitionNet": "faceapi-face-resnet",
    "faceExpressionNet": "faceapi-expression",
    "ageGenderNet": "faceapi-age-gender",
}


@pytest.mark.shared
@pytest.mark.parametrize("net", _CHECKED)
def test_weights_are_those_of_faceapi(net: str, shared: Path) -> None:
    manifest = need_faceapi(TFJS_ARCHITECTURES[_CHECKED[net]].file)
    tensors = read_tfjs(manifest).tensors()
    said = json.loads((shared / "golden" / "faceapi" / "weights_check.json").read_text())[net]
    assert len(said) == len(drawn(_CHECKED[net])[1])
    for key, want in said.items():
        name = key
        for pattern_, other in _RENAMED:
            name = re.sub(pattern_, other, name)
        found = tensors[name].astype(np.float64)
        assert list(found.shape) == want["shape"]
        numbers = [found.sum(), np.abs(found).sum(), *found.reshape(-1)[:4], found.reshape(-1)[-1]]
        expected = [want["sum"], want["abs_sum"], *want["first"], want["last"]]
        np.testing.assert_allclose(numbers, expected, rtol=1e-6, atol=2e-7 * want["abs_sum"])


_TRACES = {
    "ssd_mobilenetv1": (SSD, 0, (512, 512)),
    "tiny_face_detector_416": (TINY, 0, (416, 416)),
    "tiny_yolov2_separable_416": (YOLO, 0, (416, 416)),
    "pnet_48x37": (MTCNN, 0, (48, 37)),
    "rnet": (MTCNN, 1, (24, 24)),
    "onet": (MTCNN, 2, (48, 48)),
    "landmark68": ("faceapi-landmarks-68", 0, (112, 112)),
    "landmark68_tiny": ("faceapi-landmarks-68-tiny", 0, (112, 112)),
    "expression": ("faceapi-expression", 0, (112, 112)),
    "age_gender": ("faceapi-age-gender", 0, (112, 112)),
    "recognition": ("faceapi-face-resnet", 0, (150, 150)),
}


@pytest.mark.shared
@pytest.mark.parametrize("trace", _TRACES)
def test_every_layer_is_in_the_trace(trace: str, shared: Path) -> None:
    """Means, root mean squares and extremes of every layer, unfolded, of pattern A."""
    name, part, sides = _TRACES[trace]
    records = json.loads((shared / "golden" / "faceapi" / "trace" / f"{trace}.json").read_text())
    graph = published(name).graphs[part]
    # Not in every trace as here: both classes of a softmax, heads that are joined, sums of a mean.
    apart = (Op.SIGMOID, Op.CELLS, Op.GLOBAL_AVG_POOL)
    made = {node.name: node for node in graph.nodes if node.op not in apart}
    for node in graph.nodes:
        if node.op is Op.SIGMOID:
            del made[node.inputs[0]]
    feeds = {"pixels": pixels_of(pattern("A", sides), TFJS_ARCHITECTURES[name].pixels)}
    session = compile_graph(graph, threads=2, fold=False, outputs=list(made))
    keys = ("mean", "rms", "min", "max")
    for key, value in session.run(feeds).items():
        same = [
            [record[k] for k in keys]
            for record in records
            if np.prod(record["out"]) == value.size and record["out"][-1] == value.shape[1]
        ]
        wide = value.astype(np.float64)
        found = [wide.mean(), np.sqrt((wide**2).mean()), wide.min(), wide.max()]
        limit = 1e-4 * float(np.abs(wide).max())
        assert any(np.allclose(found, want, rtol=0, atol=limit) for want in same), key
