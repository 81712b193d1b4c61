"""Descriptors in int8: close to float32, the same decisions, another space; and their ranges."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import phiz
from phiz.backends import ort
from phiz.cli import main
from phiz.errors import FormatError, OptionError, SpaceError
from phiz.formats.int8_ranges import find_ranges, read_ranges
from phiz.graph.int8_passes import prepare, rounded_values
from phiz.graph.shapes import infer
from phiz.imaging import encode
from phiz.nets import TFJS_ARCHITECTURES
from phiz.zoo import ZOO
from tests.mutations import mutate
from tests.sources import need_faceapi, weight_file

NAME = "dlib-face-resnet-v1"
SHIPPED = [
    (entry.name, revision.sha256)
    for entry in ZOO.values()
    if entry.kind == "descriptor"
    for revision in entry.revisions
    if revision.sha256 is not None
]
GOOD = {
    "schema": 1,
    "weights": "ab" * 32,
    "costs": [
        {"data": "x", "bits": 8, "pairs": 10, "threshold": 0.6, "changed": 1, "distance": 0.01,
         "before": 0.9, "after": 0.8}
    ],
    "limits": {"relu1": [1, 2.5]},
    "lows": {"relu1": [-3, 0.5]},
}  # fmt: skip


def faces_of(pictures: dict[str, np.ndarray], detector: Any, landmarker: Any, spec: Any) -> Any:
    """Return chips of every face, and which picture each is from."""
    chips = []
    for picture in pictures.values():
        faces = detector(picture)
        if len(faces):
            boxes = None if spec.kind == "dlib" else faces
            chips.append(phiz.align(picture, landmarker(picture, faces), chip=spec, boxes=boxes))
    return np.concatenate(chips)


def pairwise(vectors: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(vectors), 1)
    return np.linalg.norm(vectors[first] - vectors[second], axis=1)


def compare(exact: Any, fast: Any, chips: np.ndarray, *, most: float, moved: float) -> None:
    """Hold a model in int8 against the same one in float32.

    most: how far a descriptor may move, in parts of a usual distance between people.
    moved: how far distances may, root mean square.
    """
    wanted, found = exact(chips), fast(chips)
    before, after = pairwise(wanted.vectors), pairwise(found.vectors)
    shift = np.linalg.norm(found.vectors - wanted.vectors, axis=1)
    assert 0 < shift.max() < most * np.median(before)
    assert np.sqrt(((after - before) ** 2).mean()) < moved
    clear = np.abs(before - exact.threshold) > 3 * moved
    assert clear.mean() > 0.8
    same = (before < exact.threshold) == (after < exact.threshold)
    assert same[clear].all()
    singles = np.concatenate([fast(chip[None]).vectors for chip in chips])
    np.testing.assert_array_equal(found.vectors, singles)
    with pytest.raises(SpaceError):
        wanted.distances(found)
    assert fast.space != exact.space
    assert fast.identity != exact.identity
    assert fast.identity.endswith(ort_name())


def ort_name() -> str:
    return "/int8" if ort.full_range() else "/int8, 7-bit weights"


@pytest.fixture(scope="module")
def int8() -> Any:
    return phiz.load(NAME, precision="int8")


def test_dlibs_descriptors(
    pictures: dict[str, np.ndarray], detector: Any, five_points: Any, describer: Any, int8: Any
) -> None:
    chips = faces_of(pictures, detector, five_points, describer.input)
    assert len(chips) >= 2
    compare(describer, int8, chips, most=0.08, moved=0.012)


def test_faceapis_descriptors(
    pictures: dict[str, np.ndarray], detector: Any, sixty_eight_points: Any
) -> None:
    manifest = need_faceapi(TFJS_ARCHITECTURES["faceapi-face-resnet"].file)
    exact, fast = (phiz.load(manifest, precision=each) for each in ("float32", "int8"))
    chips = faces_of(pictures, detector, sixty_eight_points, exact.input)
    compare(exact, fast, chips, most=0.08, moved=0.012)
    options = phiz.models.faceapi_input.FaceNetOptions(divisor=255)
    other = phiz.load(manifest, precision="int8", options=options)
    assert other.space == f"{fast.space}/255"


@pytest.mark.shared
@pytest.mark.parametrize("file", ["v1.dat.bz2", "std_v1.dat"])
def test_barels_descriptors(
    file: str, shared: Path, pictures: dict[str, np.ndarray], detector: Any, five_points: Any
) -> None:
    path = shared / "models" / f"face_recognition_densenet_model_{file}"
    exact, fast = (phiz.load(path, precision=each) for each in ("float32", "int8"))
    chips = faces_of(pictures, detector, five_points, exact.input)
    compare(exact, fast, chips, most=0.15, moved=0.03)


def test_weights_of_seven_bits_are_a_space_of_their_own(
    int8: Any, own_cache: Path, monkeypatch: pytest.MonkeyPatch, pictures: dict[str, np.ndarray]
) -> None:
    chips = np.stack([pictures["astronaut.png"][:150, 150:300]] * 2)
    native = ort.full_range()
    monkeypatch.setattr(ort, "full_range", lambda: not native)
    other = phiz.load(NAME, precision="int8")
    assert other.space != int8.space
    assert other.identity != int8.identity
    one, two = int8(chips).vectors, other(chips).vectors
    assert 0 < np.linalg.norm(one - two, axis=1).max() < 0.15
    assert len(list((own_cache / "models").glob("*.sealed"))) == 1
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("machine", "flags", "full"),
    [
        ("x86_64", "fpu avx2 avx512f avx512_vnni", True),
        ("x86_64", "fpu avx2 avx_vnni", True),
        ("x86_64", "fpu avx2 avx512f avx512bw", False),
        ("AMD64", "AMD64 Intel64 Family 6", False),
        ("aarch64", "fp asimd", True),
    ],
)
def test_weights_have_seven_bits_where_sums_would_overflow(
    machine: str, flags: str, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(ort, "_processor", lambda: flags)
    assert ort.full_range() is full


def test_the_second_load_finds_what_the_first_compiled(own_cache: Path) -> None:
    chips = np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), np.uint8)
    first = phiz.load(NAME, precision="int8")(chips).vectors
    stored = list((own_cache / "models").glob("*.sealed"))
    assert len(stored) == 1
    np.testing.assert_array_equal(phiz.load(NAME, precision="int8")(chips).vectors, first)
    phiz.load(NAME)  # float32 is another entry
    assert len(list((own_cache / "models").glob("*.sealed"))) == 2


def test_one_or_no_chip(int8: Any) -> None:
    assert int8(np.zeros((0, 150, 150, 3), np.uint8)).vectors.shape == (0, 128)
    assert int8(np.zeros((150, 150, 3), np.uint8)).vectors.shape == (1, 128)


def test_pictures_are_described_verified_and_clustered(pictures: dict[str, np.ndarray]) -> None:
    picture = pictures["astronaut.png"]
    exact, fast = (phiz.analyze(picture, precision=each) for each in ("float32", "int8"))
    assert fast.settings_hash != exact.settings_hash
    with pytest.raises(SpaceError):
        exact.described().distances(fast.described())
    answer = phiz.verify(picture, picture[:, ::-1], precision="int8")
    assert answer.same is True
    assert phiz.verify(picture, picture, precision="int8").distance == 0.0


def test_the_command_line(
    capsys: Any, pictures: dict[str, np.ndarray], tmp_path: Path, own_cache: Path
) -> None:
    picture, other = tmp_path / "a.png", tmp_path / "b.png"
    picture.write_bytes(encode(pictures["astronaut.png"], ".png"))
    other.write_bytes(encode(pictures["astronaut.png"][:, ::-1], ".png"))

    def run(*words: object) -> str:
        assert main([str(word) for word in words]) == 0
        return str(capsys.readouterr().out)

    def vectors(*more: str) -> np.ndarray:
        record = json.loads(run("describe", picture, "--json", *more))
        return np.array([face["descriptor"] for face in record["faces"]])

    exact, fast = vectors(), vectors("--precision", "int8")
    assert 0 < np.linalg.norm(exact - fast, axis=1).max() < 0.06
    assert "same" in run("verify", picture, other, "--precision", "int8")
    lines = run("cluster", picture, other, "--json", "--precision", "int8").splitlines()
    assert [json.loads(line)["label"] for line in lines] == [0, 0]
    said = run("models", "info", NAME)
    assert "int8" in said
    assert "of 3,200 decisions at 0.6 change on LFW's development pairs" in said
    assert "no activation ranges are shipped" in run("models", "info", "taguchi-face-resnet-v1")


@pytest.mark.parametrize(
    ("model", "precision", "said"),
    [
        (NAME, "int4", "wanted float32 or int8, found 'int4'"),
        ("dlib-hog-frontal", "int8", "wanted float32 for dlib-hog-frontal.*found 'int8'"),
        ("dlib-landmarks-5", "int8", "wanted float32"),
        ("cydral-gender-v1", "int8", "wanted float32"),
        ("faceapi-expression", "int8", "wanted float32"),
    ],
)
def test_precisions_that_do_not_exist_are_refused(model: str, precision: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        phiz.load(model, precision=precision)


def test_a_loaded_model_keeps_its_precision(describer: Any, int8: Any) -> None:
    blank = np.zeros((90, 90, 3), np.uint8)
    with pytest.raises(OptionError, match="descriptor model's name"):
        phiz.analyze(blank, descriptor=describer, precision="int8")
    with pytest.raises(OptionError, match="descriptor model's name"):
        phiz.analyze(blank, descriptor=None, precision="int8")
    assert len(phiz.analyze(blank, descriptor=int8)) == 0


def test_other_weights_have_no_ranges(tmp_path: Path, own_cache: Path) -> None:
    data = bytearray(weight_file(NAME).read_bytes())
    data[-40] ^= 1  # of a float
    changed = tmp_path / "mine.dat"
    changed.write_bytes(data)
    assert phiz.load(changed).space.endswith("float32")
    with pytest.raises(OptionError, match="none are shipped for weights"):
        phiz.load(changed, precision="int8")


@pytest.mark.parametrize(("name", "digest"), SHIPPED)
def test_shipped_ranges_are_whole(name: str, digest: str) -> None:
    ranges = find_ranges(digest)
    assert {cost.bits for cost in ranges.costs} == {8, 7}
    for cost in ranges.costs:
        assert cost.pairs == 3200
        assert cost.threshold == ZOO[name].threshold
        if name == NAME and cost.bits == 8:
            assert cost.changed <= 0.003 * cost.pairs
    assert all((limit >= 0).all() and limit.max() > 0 for limit in ranges.limits.values())


def test_ranges_fit_their_network(describer: Any) -> None:
    from phiz.formats.dlib_net import search_architectures
    from phiz.nets import ARCHITECTURES

    data = weight_file(NAME).read_bytes()
    graph = prepare(search_architectures(data, NAME, [ARCHITECTURES["dlib-face-resnet"]]).graph)
    limits = find_ranges(ZOO[NAME].revisions[0].sha256 or "").limits
    shapes = infer(graph)
    assert {name: len(limit) for name, limit in limits.items()} == {
        name: shapes[name][0] for name in rounded_values(graph)
    }


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "as JSON"),
        (b"\xff\xfe", "as JSON"),
        (b"[" * 100_000, "as JSON"),
        (b" " * (5 << 20), "at most"),
        ([], "schema 1"),
        ({**GOOD, "schema": 2}, "schema 1"),
        (without("weights"), "wanted weights, limits, lows, costs"),
        (without("limits"), "wanted weights, limits, lows, costs"),
        ({**GOOD, "costs": {}}, "wanted weights, limits, lows, costs"),
        ({**GOOD, "costs": [{}]}, "a cost with data"),
        ({**GOOD, "costs": [{**GOOD["costs"][0], "pairs": "10"}]}, "pairs of a cost as int"),
        ({**GOOD, "limits": {"relu1": 3}}, "limits of relu1 as a list"),
        ({**GOOD, "limits": {"relu1": []}}, "limits of relu1 as a list"),
        ({**GOOD, "limits": {"relu1": ["1"]}}, "limits of relu1 of 0 and above"),
        ({**GOOD, "limits": {"relu1": [True]}}, "limits of relu1 of 0 and above"),
        ({**GOOD, "limits": {"relu1": [-1]}}, "limits of relu1 of 0 and above.*found -1"),
        (without("lows"), "wanted weights, limits, lows, costs"),
        ({**GOOD, "lows": {"relu1": [-1e39]}}, "lows of relu1 of -1e.30 and above"),
        ({**GOOD, "limits": {"relu1": [float("nan")]}}, "found nan"),
        ({**GOOD, "limits": {"relu1": [1e39]}}, "found 1e"),
    ],
)  # fmt: skip
def test_ranges_that_are_none_are_refused(content: Any, said: str) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(FormatError, match=said):
        read_ranges(data, "ranges.json")


def test_damaged_ranges_are_read_or_refused() -> None:
    data = json.dumps(GOOD).encode()
    assert read_ranges(data, "ranges.json").limits["relu1"].tolist() == [1, 2.5]
    for seed in range(400):
        try:
            read_ranges(mutate(data, seed), "ranges.json")
        except FormatError:
            continue


def test_ranges_of_other_weights_are_refused(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = ZOO[NAME].revisions[0].sha256 or ""
    with pytest.raises(OptionError, match=f"hash {digest[:16]}"):
        find_ranges(digest, folder=tmp_path)
    (tmp_path / f"{digest[:16]}.json").write_text(json.dumps(GOOD))
    with pytest.raises(FormatError, match=digest):
        find_ranges(digest, folder=tmp_path)
    # Of the right weights, but not of its network: named, and not kept.
    (tmp_path / f"{digest[:16]}.json").write_text(json.dumps({**GOOD, "weights": digest}))
    found = partial(find_ranges, folder=tmp_path)
    monkeypatch.setattr("phiz.precision.find_ranges", found)
    with pytest.raises(phiz.ShapeError, match="wanted a limit for each"):
        phiz.load(NAME, precision="int8")
    assert not list((own_cache / "models").glob("*.sealed"))
