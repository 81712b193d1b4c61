"""Weights as tfjs keeps them: what is written is read, and damage is told or harmless."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import FormatError, ModelNotFound
from phiz.formats.tfjs import find_manifests, read_manifest, read_tfjs
from tests.mutations import mutate
from tests.sources import faceapi_manifest
from tests.test_format_fuzz import peak_of

NAME = "some_model-weights_manifest.json"
STORED = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "bool": "u1", "uint16": "<u2"}


def described(name: str, shape: list[int], dtype: str, packed: Any = None) -> dict[str, Any]:
    entry = {"name": name, "shape": shape, "dtype": dtype}
    if packed is not None:
        entry["quantization"] = dict(zip(("dtype", "scale", "min"), packed, strict=True))
    return entry


def stored(entry: dict[str, Any]) -> np.dtype[Any]:
    return np.dtype(STORED[entry.get("quantization", entry)["dtype"]])


def write(folder: Path, groups: list[tuple[list[Any], bytes, list[int]]]) -> Path:
    """Write a model: of each group its tensors, their bytes, and where these are cut."""
    said = []
    for number, (entries, data, cuts) in enumerate(groups):
        ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        names = [f"group{number}-shard{part}" for part in range(1, len(ends))]
        for name, start, end in zip(names, ends, ends[1:], strict=False):
            (folder / name).write_bytes(data[start:end])
        said.append({"weights": entries, "paths": names})
    path = folder / NAME
    path.write_text(json.dumps(said))
    return path


def content(entries: list[dict[str, Any]], seed: int = 0) -> bytes:
    """Return bytes for these tensors: any numbers, floats of every size."""
    chance = np.random.default_rng(seed)
    parts = []
    for entry in entries:
        dtype, count = stored(entry), math.prod(entry["shape"])
        values = np.frombuffer(chance.bytes(count * dtype.itemsize), dtype)
        if dtype.kind == "f":
            values = chance.standard_normal(count).astype("<f4") * 10.0 ** chance.integers(-30, 30)
        parts.append(values.astype(dtype).tobytes())
    return b"".join(parts)


def numbers_of(entry: dict[str, Any], raw: bytes) -> list[float]:
    """Return a tensor's numbers, one by one, in Python's float64."""
    values = np.frombuffer(raw, stored(entry)).tolist()
    packed = entry.get("quantization")
    if packed is not None:
        values = [value * packed["scale"] + packed["min"] for value in values]
        if entry["dtype"] == "int32":
            values = [math.floor(value + 0.5) for value in values]
    return [float(np.float32(value)) for value in values]


@st.composite
def models(draw: st.DrawFn) -> list[tuple[list[Any], bytes, list[int]]]:
    numbers = st.floats(-100, 100)
    groups = []
    for number in range(draw(st.integers(1, 2))):
        entries = []
        for index in range(draw(st.integers(1, 4))):
            dtype = draw(st.sampled_from(["float32", "int32", "uint8", "bool"]))
            packed = None
            if dtype in ("float32", "int32") and draw(st.booleans()):
                packed = (draw(st.sampled_from(["uint8", "uint16"])), draw(numbers), draw(numbers))
            shape = draw(st.lists(st.integers(1, 5), max_size=4))
            entries.append(described(f"group {number}/tensor {index}", shape, dtype, packed))
        data = content(entries, draw(st.integers(0, 2**32)))
        cuts = draw(st.lists(st.integers(0, len(data)), max_size=3))
        groups.append((entries, data, cuts))
    return groups


@given(models())
def test_what_is_written_is_read(model: list[tuple[list[Any], bytes, list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights = read_tfjs(write(Path(folder), model))
        whole = read_tfjs(write(Path(folder), [(entries, data, []) for entries, data, _ in model]))
    tensors = weights.tensors()
    assert weights.digest == whole.digest
    for (entries, data, _), group in zip(model, weights.groups, strict=True):
        at = 0
        for entry, said in zip(entries, group.tensors, strict=True):
            found, size = tensors.pop(entry["name"]), math.prod(entry["shape"])
            raw = data[at : at + size * stored(entry).itemsize]
            assert found.dtype == np.float32
            assert found.shape == said.shape == tuple(entry["shape"])
            assert found.reshape(-1).tolist() == numbers_of(entry, raw)
            at += len(raw)
    assert not tensors


@pytest.mark.parametrize(
    ("dtype", "packed", "raw", "want"),
    [
        ("float32", None, np.array([1.5, -2], "<f4"), [1.5, -2]),
        ("int32", None, np.array([-7, 1 << 20], "<i4"), [-7, 1 << 20]),
        ("uint8", None, np.array([0, 255], "u1"), [0, 255]),
        ("bool", None, np.array([0, 1], "u1"), [0, 1]),
        ("float32", ("uint8", 0.1, -1), np.array([0, 255], "u1"), [-1, np.float32(24.5)]),
        ("float32", ("uint16", 0.5, 3), np.array([1, 65535], "<u2"), [3.5, 32770.5]),
        ("float32", ("uint8", 0, 0), np.array([0, 255], "u1"), [0, 0]),
        # Halves go up, as in JavaScript.
        ("int32", ("uint8", 0.5, -2), np.array([1, 3], "u1"), [-1, 0]),
    ],
)
def test_every_kind_of_number(
    tmp_path: Path, dtype: str, packed: Any, raw: np.ndarray, want: list[float]
) -> None:
    path = write(tmp_path, [([described("t", [2], dtype, packed)], raw.tobytes(), [1])])
    assert read_tfjs(path).tensors()["t"].tolist() == want


PAIR = [
    described("one", [2, 3], "float32", ("uint8", 0.5, -1)),
    described("two", [2], "float32"),
]


def test_a_folder_and_a_model_file_stand_for_the_manifest(tmp_path: Path) -> None:
    data = content(PAIR)
    path = write(tmp_path, [(PAIR, data, [3])])
    want = read_tfjs(path).digest
    assert find_manifests(tmp_path) == find_manifests(path) == [path]
    assert read_tfjs(tmp_path).digest == want
    (tmp_path / "model.json").write_text(
        json.dumps({"modelTopology": {}, "weightsManifest": json.loads(path.read_text())})
    )
    assert read_tfjs(tmp_path / "model.json").digest == want

    (tmp_path / "other_model-weights_manifest.json").write_text(path.read_text())
    assert read_tfjs(tmp_path, "other_model").digest == want
    with pytest.raises(ModelNotFound, match=r"wanted one .*found other_model.*, some_model"):
        read_tfjs(tmp_path)
    with pytest.raises(ModelNotFound, match=r"one third_model-weights_manifest\.json, found none"):
        read_tfjs(tmp_path, "third_model")
    with pytest.raises(ModelNotFound, match="nowhere"):
        read_tfjs(tmp_path / "nowhere")


def changed(**what: Any) -> list[Any]:
    """Return a manifest with one tensor, of which something is different."""
    entry = {**described("t", [4], "float32", ("uint8", 0.5, 1)), **what}
    return [{"weights": [entry], "paths": ["shard"]}]


def packed(**what: Any) -> list[Any]:
    return changed(quantization={"dtype": "uint8", "scale": 0.5, "min": 1, **what})


def paths(*names: Any) -> list[Any]:
    return [{**changed()[0], "paths": list(names)}]


HUGE = 10**400
HOSTILE = {
    "empty": ("[]", "list of groups"),
    "a word": ('"weights"', "list of groups"),
    "no JSON": ("[{", "tfjs weights manifest"),
    "no text": (b"[\xff\xfe\x00", "tfjs weights manifest"),
    "deep": ("[" * 200_000, "tfjs weights manifest"),
    "long": ("[" + " " * (5 << 20) + "]", "at most 4194304 bytes"),
    "long number": ("[" + "9" * 9999 + "]", "tfjs weights manifest"),
    "a key twice": ('[{"weights": [], "weights": [], "paths": []}]', "key that is there twice"),
    "NaN": ('[{"weights": NaN}]', "number NaN"),
    "group": ([3], "a group as an object, found 3"),
    "no paths": ([{"weights": []}], "paths of a group, found none"),
    "no tensors": ([{"weights": [], "paths": ["shard"]}], "tensors and shards"),
    "no shards": (paths(), "tensors and shards"),
    "weights as text": ([{"weights": "t", "paths": []}], "weights of a group as a list"),
    "tensor as list": ([{"weights": [[]], "paths": []}], "a tensor as an object, found list"),
    "no name": ([{"weights": [{}], "paths": []}], "name of a tensor, found none"),
    "name as number": (changed(name=3), "characters, found 3"),
    "empty name": (changed(name=""), "name of a tensor of 1 to 256 characters"),
    "long name": (changed(name="t" * 300), "name of a tensor of 1 to 256 characters"),
    "control characters": (changed(name="t\x1b[2J"), "that can be printed"),
    "half a character": (changed(name="\ud800"), "that can be printed"),
    "name twice": (
        [{"weights": 2 * changed()[0]["weights"], "paths": ["shard"]}],
        "each name of a tensor once, found t twice",
    ),
    "name twice in two groups": (changed() + changed(), "each name of a tensor once"),
    "shape as number": (changed(shape=4), "shape of t as a list, found 4"),
    "negative side": (changed(shape=[-2, -2]), "whole numbers from 1, found -2"),
    "no side": (changed(shape=[4, 0]), "whole numbers from 1, found 0"),
    "half a side": (changed(shape=[4.0]), "whole numbers from 1, found 4.0"),
    "side as truth": (changed(shape=[4, True]), "whole numbers from 1, found True"),
    "huge side": (changed(shape=[1 << 62]), "at most 134217728 bytes"),
    "huge product": (changed(shape=[1 << 31] * 6), "at most 134217728 bytes"),
    "many axes": (changed(shape=[1] * 7), "at most 6 axes, found 7"),
    "more than there is": (changed(shape=[5]), "5 bytes of tensors, found 4 in 1 files"),
    "less than there is": (changed(shape=[3]), "3 bytes of tensors, found 4 in 1 files"),
    "unknown dtype": (changed(dtype="complex64"), "t of float32, int32, uint8, bool"),
    "dtype as list": (changed(dtype=[]), "t of float32, int32, uint8, bool, found list"),
    "quantised bool": (changed(dtype="bool"), "float32 or int32, as it is quantised"),
    "quantised by a word": (changed(quantization="uint8"), "quantization of t as an object"),
    "unknown packing": (packed(dtype="int8"), "quantization of t to uint8 or uint16"),
    "no scale": (changed(quantization={"dtype": "uint8", "min": 0}), "scale of quantization"),
    "scale as text": (packed(scale="1"), "scale of t as a number, found '1'"),
    "scale as truth": (packed(scale=True), "scale of t as a number"),
    "infinite scale": (json.dumps(packed(scale="S")).replace('"S"', "1e999"), "finite scale of t"),
    "infinite min": (json.dumps(packed(min="S")).replace('"S"', "-Infinity"), "number -Infinity"),
    "huge min": (packed(min=HUGE), "finite min of t"),
    "folder above": (paths("../shard"), "a shard beside the manifest"),
    "folder": (paths("sub/shard"), "a shard beside the manifest"),
    "absolute": (paths("/etc/passwd"), "a shard beside the manifest"),
    "another drive": (paths("C:shard"), "a shard beside the manifest"),
    "backslash": (paths("..\\shard"), "a shard beside the manifest"),
    "the folder itself": (paths("."), "a shard beside the manifest"),
    "shard with a null": (paths("shard\0"), "that can be printed"),
    "shard as number": (paths(1), "name of a shard of 1 to 256 characters"),
    "shard twice": (paths("shard", "shard"), "each name of a shard once, found shard twice"),
    "missing shard": (paths("shard", "shard2"), "the shard shard2 beside it, found none"),
    "a folder as shard": (paths("shard", "folder"), "the shard folder beside it, found none"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_manifests_are_refused(case: str, tmp_path: Path) -> None:
    said, match = HOSTILE[case]
    (tmp_path / "shard").write_bytes(bytes(4))
    (tmp_path / "folder").mkdir()
    path = tmp_path / NAME
    text = said if isinstance(said, (str, bytes)) else json.dumps(said)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FormatError, match=match) as raised:
        read_tfjs(path)
    assert raised.value.path == str(path)
    assert len(str(raised.value)) < 1000


def test_numbers_that_are_not_finite_are_placed(tmp_path: Path) -> None:
    data = bytearray(content(PAIR))
    data[-4:] = np.array([np.nan], "<f4").tobytes()
    path = write(tmp_path, [(PAIR, bytes(data), [2, 9])])
    with pytest.raises(FormatError, match="finite two, found nan") as raised:
        read_tfjs(path).tensors()
    assert raised.value.path == str(tmp_path / "group0-shard3")
    assert raised.value.at == 1  # byte 10 of 14
    large = described("large", [3], "float32", ("uint16", 1e38, 0))
    path = write(tmp_path, [([large], b"\1\0\2\0\xff\xff", [])])
    with pytest.raises(FormatError, match=r"finite large, found scale 1e\+38") as raised:
        read_tfjs(path).tensors()
    assert raised.value.at == 0


def damaged_reads(folder: Path, attempt: Callable[[Path], None], count: int) -> None:
    """Try copies of a model with damage in its manifest or, at every third, in a shard."""
    path = write(folder, [(PAIR, content(PAIR), [7])])
    parts = [path, path, path.with_name("group0-shard2")]
    originals = [part.read_bytes() for part in parts]
    for seed in range(count):
        part, original = parts[seed % 3], originals[seed % 3]
        part.write_bytes(mutate(original, seed))
        attempt(path)
        part.write_bytes(original)


def test_damage_gives_a_format_error_or_finite_numbers(tmp_path: Path) -> None:
    fates = {"told": 0, "harmless": 0}

    def attempt(path: Path) -> None:
        try:
            tensors = read_tfjs(path).tensors()
        except FormatError as error:
            fates["told"] += 1
            assert error.want
            assert error.found
        else:
            fates["harmless"] += 1
            assert all(np.isfinite(array).all() for array in tensors.values())

    damaged_reads(tmp_path, attempt, 2000)
    assert fates["told"] > 1000
    assert fates["harmless"] > 50


def test_damage_cannot_make_the_reader_allocate(tmp_path: Path) -> None:
    def attempt(path: Path) -> None:
        def read() -> None:
            with contextlib.suppress(FormatError):
                read_tfjs(path).tensors()

        assert peak_of(read) < 1 << 18

    damaged_reads(tmp_path, attempt, 200)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, [(PAIR, content(PAIR), [])])
    for part in (path, path.with_name("group0-shard1")):
        whole = part.read_bytes()
        for length in range(len(whole)):
            part.write_bytes(whole[:length])
            with pytest.raises(FormatError):
                read_tfjs(path)
        part.write_bytes(whole)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_manifest(data, "f")


def test_a_large_file_takes_little_more_than_its_numbers(tmp_path: Path) -> None:
    entry = described("t", [3 << 20], "float32", ("uint8", 0.5, -1))
    path = write(tmp_path, [([entry], bytes(3 << 20), [])])
    assert peak_of(lambda: read_tfjs(path).tensors()) < (4 * 3 + 3 + 24) << 20


@pytest.mark.parametrize("model", ["face_landmark_68_tiny_model", "ssd_mobilenetv1_model"])
def test_damaged_real_manifests_fail_as_formats_do(model: str, tmp_path: Path) -> None:
    manifest = faceapi_manifest(model)
    if manifest is None:
        pytest.skip("face-api.js's weights are not here (tools/fetch_faceapi.py)")
    whole = manifest.read_bytes()
    for seed in range(300):
        with contextlib.suppress(FormatError):
            read_manifest(mutate(whole, seed), "f")
