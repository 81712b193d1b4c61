"""Every network that phiz reads, held against dlib's own outputs and layers in ../shared."""

from __future__ import annotations

import bz2
import json
import lzma
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.formats.dlib_net import Match, search_architectures
from phiz.graph.graph import Graph, Node, apply
from phiz.graph.ops import Op
from phiz.graph.passes import fold_batch_norm
from phiz.nets import ARCHITECTURES
from tests.sources import shared_folder

pytestmark = pytest.mark.shared

SHARED = shared_folder() or Path("shared")
GOLDEN = SHARED / "golden" / "dlib"


@lru_cache(maxsize=1)  # tests of one file follow each other; the largest has 170 MB
def read(file: str, arch: str) -> Match:
    path = SHARED / file
    data = path.read_bytes()
    if path.suffix in (".bz2", ".xz"):
        data = (bz2 if path.suffix == ".bz2" else lzma).decompress(data)
    return search_architectures(data, path.name, [ARCHITECTURES[arch]])


def array(path: Path) -> np.ndarray:
    if path.exists():
        return np.load(path)
    with lzma.open(path.with_name(path.name + ".xz")) as file:
        return np.load(file)


def pictures(*names: str, mode: str = "RGB") -> np.ndarray:
    return np.stack([np.array(Image.open(GOLDEN / name).convert(mode)) for name in names])


@dataclass(frozen=True)
class Run:
    """One run of dlib: the file, what it was fed, and what it wrote.

    feed: inputs, of which dlib's statistics of every layer (layers) are for the first.
    want: dlib's outputs, perhaps for more inputs.  dumps: folder of layer_N.npy files.
    net: which network of the file.  value: dlib's number of the layer that ``want`` is of.
    reference: the NumPy backend is quick enough.
    """

    file: str
    arch: str
    feed: Callable[[], np.ndarray]
    want: str
    layers: str | None = None
    dumps: str | None = None
    net: int = 0
    value: int | None = None
    reference: bool = False


def _first(count: int, folder: str) -> Callable[[], np.ndarray]:
    return lambda: pictures(*(f"{folder}/{number:03}.png" for number in range(count)))


def _runs() -> dict[str, Run]:
    found: dict[str, Run] = {}
    age = "golden/dlib/age/dnn_age_predictor_v1_from_onnx.dat.xz"
    found["gender"] = Run(
        "models/dnn_gender_classifier_v1.dat.bz2", "cydral-gender", _first(46, "gender_v1/chips"),
        "gender_v1/logits.npy", "gender_v1/layers_chip000.json", "gender_v1", reference=True,
    )  # fmt: skip
    found["age"] = Run(
        age, "cydral-age", _first(16, "chips64"),
        "age/real_chips64_logits.npy", "age/real_chip000_layers.json", reference=True,
    )  # fmt: skip
    for version, name in (
        ("v1924", "age/age_pattern_v1924.dat.xz"),
        ("v1924 bn", "age/age_pattern_bn_v1924.dat.xz"),
        ("v20099", "dlib20/age/age_pattern_v20099.dat.xz"),
        ("v20099 bn", "dlib20/age/age_pattern_bn_v20099.dat.xz"),
    ):
        kind = "patternbn_pattern64" if "bn" in version else "pattern_pattern64"
        folder = Path(name).parent
        found[f"age pattern {version}"] = Run(
            f"golden/dlib/{name}", "cydral-age", lambda: pictures("age/pattern64.png"),
            f"{folder}/{kind}_logits.npy", f"{folder}/{kind}_layers.json",
        )  # fmt: skip
    for name, file in (
        ("face_recognition_densenet_model_v1", "face_recognition_densenet_model_v1.dat.bz2"),
        (
            "barel_face_recognition_densenet_model_std_v1",
            "face_recognition_densenet_model_std_v1.dat",
        ),
    ):
        folder = Path("densenet") / name
        found[f"densenet {name[:5]}"] = Run(
            f"models/{file}", "barel-face-densenet", _first(4, "chips150"),
            f"{folder}/descriptors.npy", f"{folder}/layers_chip000.json", str(folder),
        )  # fmt: skip
    for name in ("resnet34", "resnet50"):
        for kind, folder in (("", name), ("_bn", f"{name}/bn")):
            layers = f"{folder}/crop0_layers.json" if kind == "" else None
            found[f"{name}{kind}"] = Run(
                f"golden/dlib/{name}/{name}_1000_imagenet_classifier_pattern{kind}.dnn.xz",
                f"dlib-imagenet-{name}", lambda name=name: pictures(f"{name}/in_crop0.png"),
                f"{folder}/crop0_logits.npy", layers,
            )  # fmt: skip
    for crop in ("chip000", "crop1"):
        found[f"taguchi {crop}"] = Run(
            "golden/dlib/taguchi_gender/taguchi_model_gender_classifier_pattern.dnn.xz",
            "taguchi-gender", lambda crop=crop: pictures(f"taguchi_gender/in_{crop}.png"),
            f"taguchi_gender/{crop}_logits.npy",
            "taguchi_gender/chip000_layers.json" if crop == "chip000" else None,
        )  # fmt: skip
    pair = "golden/dlib/dcgan/dcgan_162x162_synth_faces_pattern.dnn.xz"
    for number in range(3):
        found[f"dcgan generator {number}"] = Run(
            pair, "cydral-dcgan",
            lambda number=number: array(GOLDEN / "dcgan/latents.npy")[number].reshape(1, 100, 1, 1),
            f"dcgan/bn_out_{number}.npy", f"dcgan/bn_layers_{number}.json", value=2,
        )  # fmt: skip
    for name in ("pattern", "crop0"):
        found[f"vit {name}"] = Run(
            "golden/dlib/dlib20/vit_s16/vit-s-16_stable_imagenet_1k_pattern.dat.xz",
            "cydral-vit-s16", lambda name=name: pictures(f"dlib20/vit_s16/in_{name}.png"),
            f"dlib20/vit_s16/{name}_logits.npy", f"dlib20/vit_s16/{name}_layers.json",
            reference=True,
        )  # fmt: skip
    for name in ("pattern", "photo"):
        found[f"colorify {name}"] = Run(
            "golden/dlib/colorify/highres_colorify_pattern.dnn.xz", "cydral-colorify",
            lambda name=name: pictures(f"colorify/in_{name}.png", mode="L"),
            f"colorify/{name}_output.npy",
            "colorify/photo_layers.json" if name == "photo" else None,
        )  # fmt: skip
    for file, arch, net, image in (
        ("mmod_human_face_detector_dlib-models", "dlib-mmod-human", "face", "pattern"),
        ("mmod_human_face_detector_dlib-models", "dlib-mmod-human", "face", "2008_001322"),
        ("mmod_rear_end_vehicle_detector", "dlib-mmod-rear-vehicle", "rear", "pattern"),
        ("mmod_rear_end_vehicle_detector", "dlib-mmod-rear-vehicle", "rear", "cars2crop"),
        ("mmod_rear_end_vehicle_detector", "dlib-mmod-rear-vehicle", "rear", "synth"),
        ("mmod_front_and_rear_end_vehicle_detector", "dlib-mmod-vehicle", "frontrear", "cars2crop"),
        ("mmod_front_and_rear_end_vehicle_detector", "dlib-mmod-vehicle", "frontrear", "synth"),
    ):
        canvas = "face" if image == "2008_001322" else "rear"  # the same for every network
        found[f"mmod {net} {image}"] = Run(
            f"models/{file}.dat.bz2", arch,
            lambda canvas=canvas, image=image: array(
                GOLDEN / "mmod" / f"{canvas}_{image}_input_tensor.npy"
            ),
            f"mmod/{net}_{image}_output.npy", f"mmod/{net}_{image}_layers.json",
            reference=image == "pattern",
        )  # fmt: skip
    for folder in ("hipsterizer", "dlib20/hipsterizer"):
        for image, canvas in (
            ("pattern", "mmod/rear_pattern_input_tensor.npy"),
            ("dogs_small", "hipsterizer/dogs_small_input_tensor.npy"),
        ):
            if image == "dogs_small" and folder != "hipsterizer":
                continue  # made from another JPEG decoder's picture
            found[f"{folder} {image}"] = Run(
                f"golden/dlib/{folder}/mmod_dog_hipsterizer_pattern.dat.xz", "dlib-mmod-dog",
                lambda canvas=canvas: array(GOLDEN / canvas),
                f"{folder}/{image}_output.npy", f"{folder}/{image}_layers.json",
            )  # fmt: skip
    return found


RUNS = _runs()


@pytest.fixture(autouse=True)
def _reference_data(shared: Path) -> None:
    """Skip where the reference data is not."""


def graph_of(run: Run) -> Graph:
    return read(run.file, run.arch).nets[run.net].graph


def number_of(node: Node) -> int | None:
    """Return dlib's number of the layer that a node computes, None for a part of one."""
    found = re.fullmatch(r"[a-z]+(\d+)", node.name)
    return int(found[1]) if found else None


def check(found: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Compare, relative to the largest number."""
    assert found.dtype == np.float32
    assert found.size == want.size
    assert np.abs(found.reshape(want.shape) - want).max() <= tolerance * np.abs(want).max()


def check_statistics(value: np.ndarray, stats: dict[str, Any], tolerance: float = 3e-5) -> None:
    """Compare with the golden statistics of a tensor; the manifest says what they are."""
    assert [*value.shape, 1, 1, 1][:4] == stats["shape"] or value.size == np.prod(stats["shape"])
    flat = value.reshape(-1).astype(np.float64)
    largest, absolute, squares = np.abs(flat).max(), np.abs(flat).sum(), flat @ flat
    rows = np.pad(flat, (0, -flat.size % 97)).reshape(-1, 97).sum(0)
    steps = np.arange(32) * (flat.size - 1) // 31
    for found, want, scale in (
        (flat[steps], stats["samples32"], largest),
        (flat.min(), stats["min"], largest),
        (flat.max(), stats["max"], largest),
        (flat.sum(), stats["sum"], absolute),
        (absolute, stats["abssum"], absolute),
        (squares, stats["sumsq"], squares),
        (rows @ np.arange(97), stats["sum_x_imod97"], 97 * absolute),
    ):
        assert np.abs(found - np.array(want)).max() <= tolerance * scale


@pytest.mark.parametrize("name", RUNS)
def test_outputs_and_layers(name: str) -> None:
    """Outputs within 1e-4 of the largest: sums of thousands of products in another order.

    Layers are compared in the unfused graph, where they are dlib's own.
    """
    run = RUNS[name]
    graph, feed, want = graph_of(run), run.feed(), array(GOLDEN / run.want)
    names = {number_of(node): node.name for node in graph.nodes}
    output = names[run.value] if run.value else graph.outputs[0]
    feeds = {graph.inputs[0].name: feed}
    one = {graph.inputs[0].name: feed[:1]}
    session: Any = compile_graph(graph, threads=2, outputs=[output])
    check(session.run(feeds)[output], want[: len(feed)], 1e-4)
    if run.reference:
        check(ReferenceSession(graph, [output]).run(one)[output], want[:1], 1e-4)
    inner = [node.name for node in graph.nodes if node.op is not Op.PAD]
    inner = inner if run.layers else [output]
    session = compile_graph(graph, threads=2, fold=False, outputs=inner)
    values = session.run(one)
    check(values[output], want[:1], 1e-4)
    if run.layers:
        compare_layers(run, names, values)


def compare_layers(run: Run, names: dict[int | None, str], values: dict[str, np.ndarray]) -> None:
    """Compare every layer that dlib shows.

    Layers such as relu work in place in dlib: the buffer of the layer below then holds theirs.
    """
    layers = json.loads((GOLDEN / str(run.layers)).read_text())
    holds = {layer["idx"]: layer.get("buffer_holds_output_of", layer["idx"]) for layer in layers}
    for layer in layers:
        number = holds[layer["idx"]]
        if number not in names:
            assert layer["layer"].startswith(("tag", "skip", "input/loss"))
        elif layer.get("output"):
            check_statistics(values[names[number]], layer["output"])
    assert sum(bool(layer.get("output")) for layer in layers) >= len(layers) // 3
    for path in (GOLDEN / run.dumps).glob("layer_*.npy*") if run.dumps else []:
        number = holds[int(re.findall(r"layer_(\d+)", path.name)[0])]
        if number in names:
            check(values[names[number]], array(path.with_name(path.name.removesuffix(".xz"))), 1e-5)


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.layers])
def test_parameters(name: str) -> None:
    """What a file holds for each layer, in dlib's order: weights then biases, gamma then beta."""
    run = RUNS[name]
    layers = json.loads((GOLDEN / str(run.layers)).read_text())
    compare_parameters(graph_of(run), layers)


def compare_parameters(graph: Graph, layers: list[dict[str, Any]]) -> None:
    nodes = {number_of(node): node for node in apply(graph, fold_batch_norm).nodes}
    raw = {number_of(node): node for node in graph.nodes}
    compared = 0
    for layer in layers:
        if "params" not in layer:
            continue
        kept = (raw if layer["layer"].startswith("bn_") else nodes)[layer["idx"]].params
        keys = ("weight", "bias") if "weight" in kept else ("gamma", "beta")
        parts = [kept[key].reshape(-1) for key in keys if key in kept]
        check_statistics(np.concatenate(parts), layer["params"], 1e-6)
        compared += 1
    trained = [node for node in nodes.values() if node.op is not Op.ROTATE]
    assert compared == sum(bool(node.params) for node in trained)


def test_the_discriminator_up_to_its_first_dropout() -> None:
    """dlib's dropout draws at random even when it is not training, so the rest cannot be equal."""
    file = "golden/dlib/dcgan/dcgan_162x162_synth_faces_pattern.dnn.xz"
    graph = read(file, "cydral-dcgan").nets[1].graph
    layers = json.loads((GOLDEN / "dcgan" / "disc_layers_0.json").read_text())
    compare_parameters(graph, layers)
    session = compile_graph(graph, threads=2, fold=False, outputs=["leakyrelu20"])
    values = session.run({"image": pictures("dcgan/image_0.png")})
    check_statistics(values["leakyrelu20"], layers[20]["output"])


@pytest.mark.parametrize(
    "name",
    ["gender", "age", "densenet barel", "dcgan generator 0", "taguchi chip000", "vit pattern"],
)
def test_a_batch_is_its_single_runs(name: str) -> None:
    """Bit for bit: a face must not get another descriptor because of who else is in the picture."""
    run = RUNS[name]
    graph, feed = graph_of(run), run.feed()[:3]
    if len(feed) == 1:
        feed = np.concatenate([feed, feed[:, ::-1], feed[:, :, ::-1]])
    key = graph.inputs[0].name
    session = compile_graph(graph, threads=2)
    (together,) = session.run({key: feed}).values()
    for number in range(len(feed)):
        (alone,) = session.run({key: np.ascontiguousarray(feed[number : number + 1])}).values()
        np.testing.assert_array_equal(together[number : number + 1], alone)
