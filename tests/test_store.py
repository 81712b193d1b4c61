"""Where weights come from, and what is refused."""

from __future__ import annotations

import bz2
import http.server
import lzma
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import phiz
from phiz import errors, store, zoo
from phiz.models.hog import HogOptions
from tests import dlib_writer as write
from tests.sources import weight_file

FIVE = zoo.ZOO["dlib-landmarks-5"]
HOG = zoo.ZOO["dlib-hog-frontal"]
HOG_FILE = weight_file("dlib-hog-frontal")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    """No package carries weights, and the cache is empty."""
    monkeypatch.setattr(store, "PACKAGES", ())
    monkeypatch.delenv("PHIZ_MODEL_DIR", raising=False)
    return own_cache


@pytest.mark.parametrize("entry", zoo.ZOO.values(), ids=lambda entry: entry.name)
def test_entries_are_complete(entry: zoo.Entry) -> None:
    assert entry.licence.commercial in ("yes", "no", "unclear")
    assert entry.licence.evidence.startswith("https://")
    assert entry.limits
    for revision in entry.revisions:
        assert revision.sha256 is None or len(revision.sha256) == 64
        for source in revision.sources:
            assert source.url.startswith(("https://", "http://dlib.net/"))
    if entry.kind == "descriptor":
        assert entry.threshold is not None
        assert entry.threshold_source


def test_installed_files_have_the_published_hashes() -> None:
    for name, revision in (
        ("dlib-hog-frontal", 0), ("dlib-landmarks-5", 0), ("dlib-landmarks-68", 0),
        ("dlib-face-resnet-v1", 0), ("dlib-mmod-human", 1),
    ):  # fmt: skip
        entry, path = zoo.ZOO[name], weight_file(name)
        assert path.stat().st_size == entry.revisions[revision].size
        found = store.verify(entry, store.file_digest(path), path)
        assert found == entry.revisions[revision].name


def test_packed_files_have_the_published_git_ids() -> None:
    """bzip2 -9 of the file is the very file in the dlib-models tree: so the hash is of that."""
    packed = bz2.compress(weight_file("dlib-landmarks-5").read_bytes(), 9)
    for source in FIVE.revisions[0].sources:
        store._check_packed(source, [packed])
        with pytest.raises(errors.IntegrityError, match="wanted size"):
            store._check_packed(source, [packed[:-1]])
        with pytest.raises(errors.IntegrityError, match="wanted sha256"):
            store._check_packed(source, [packed[:-1] + b"x"])


def test_parts_are_joined_before_they_are_unpacked(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    packed = bz2.compress(content, 9)
    for number, start in enumerate(range(0, len(packed), 100), 1):
        part = tmp_path / f"net.dnn.bz2.{number:03}"
        part.write_bytes(packed[start : start + 100])
    first = tmp_path / "net.dnn.bz2.001"
    assert store.read_weights(first) == content
    assert store.file_digest(first) == store.sha256_of(content)
    (tmp_path / "net.dnn.bz2.002").unlink()
    with pytest.raises(errors.FormatError, match=r"the end of the \.bz2 data"):
        store.read_weights(first)


def test_each_part_has_its_own_git_id() -> None:
    parts = [b"one", b"two"]
    source = zoo.Source(
        "http://example.invalid/net.bz2",
        git_blob=tuple(store._git_blob(part) for part in parts),
        parts=(".001", ".002"),
    )
    store._check_packed(source, parts)
    with pytest.raises(errors.IntegrityError, match="wanted git blob id"):
        store._check_packed(source, [b"one", b"twO"])


def test_packages_are_located_without_being_imported() -> None:
    code = (
        "import sys, phiz.store, phiz.zoo\n"
        "found = [phiz.store.locate(entry) for entry in phiz.zoo.ZOO.values()]\n"
        "assert any('package face_recognition_models' == f.origin for f in found if f)\n"
        "print(sorted(n for n in sys.modules if 'models' in n and 'phiz.' not in n))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sources_are_asked_in_order(
    nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.locate(FIVE) is None
    cached = nothing_installed / "weights" / FIVE.file
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x")
    assert store.require(FIVE) == store.Located(cached, "cache")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / f"{FIVE.file}.xz").write_bytes(b"x")
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(folder))
    assert store.require(FIVE).origin == "PHIZ_MODEL_DIR"
    assert store.require(FIVE).path.suffix == ".xz"
    (folder / FIVE.file).write_bytes(b"x")
    assert store.require(FIVE).path == folder / FIVE.file


def test_a_missing_model_says_how_to_get_it(nothing_installed: Path) -> None:
    with pytest.raises(errors.ModelNotFound) as raised:
        phiz.load("dlib-landmarks-5")
    assert "phiz models pull dlib-landmarks-5" in str(raised.value)
    assert "pip install 'phiz[weights]'" in str(raised.value)


@pytest.mark.parametrize("name", ["dlib-landmarks-6", "nowhere.dat", "/tmp"])
def test_names_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(errors.ModelNotFound, match=name):
        phiz.load(name)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine for a folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, directory=str(folder), **options)  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            del arguments

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()


def entry_from(url: str, content: bytes) -> zoo.Entry:
    revision = zoo.Revision("test", len(content), store.sha256_of(content), (zoo.Source(url),))
    return replace(HOG, name="test-model", file="test.svm", revisions=(revision,))


def test_a_model_is_downloaded_unpacked_checked_and_kept(
    nothing_installed: Path, served: tuple[str, Path]
) -> None:
    root, folder = served
    content = HOG_FILE.read_bytes()
    (folder / "test.svm.bz2").write_bytes(bz2.compress(content))
    entry = entry_from(f"{root}/test.svm.bz2", content)
    steps: list[tuple[int, int | None]] = []
    found = store.pull(entry, lambda done, size: steps.append((done, size)))
    assert found.path.read_bytes() == content
    assert steps[-1][0] == steps[-1][1] == (folder / "test.svm.bz2").stat().st_size
    assert store.pull(entry) == found
    assert phiz.load(found.path).name == "dlib-hog-frontal"


def test_a_download_that_is_another_file_is_not_kept(
    nothing_installed: Path, served: tuple[str, Path]
) -> None:
    root, folder = served
    (folder / "test.svm").write_bytes(b"something else")
    entry = entry_from(f"{root}/test.svm", b"the real thing")
    with pytest.raises(errors.IntegrityError, match="is not that of test-model"):
        store.pull(entry)
    assert store.locate(entry) is None
    assert list(nothing_installed.rglob("*.svm")) == []


def test_a_source_that_does_not_answer_is_followed_by_the_next(
    nothing_installed: Path, served: tuple[str, Path]
) -> None:
    root, folder = served
    content = b"the real thing"
    (folder / "second").write_bytes(content)
    entry = entry_from(f"{root}/first", content)
    revision = entry.revisions[0]
    with pytest.raises(errors.DownloadError, match="404"):
        store.pull(entry)
    both = replace(revision, sources=(*revision.sources, zoo.Source(f"{root}/second")))
    assert store.pull(replace(entry, revisions=(both,))).path.read_bytes() == content


def test_downloads_can_be_forbidden(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIZ_OFFLINE", "1")
    with pytest.raises(errors.DownloadError, match="PHIZ_OFFLINE"):
        phiz.load("dlib-landmarks-5", download=True)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, bytes])
def test_files_with_a_known_hash_are_that_model_wherever_they_lie(
    tmp_path: Path, pack: object
) -> None:
    ending = {bz2.compress: ".bz2", lzma.compress: ".xz"}.get(pack, "")  # type: ignore[call-overload]
    path = tmp_path / f"renamed.dat{ending}"
    path.write_bytes(pack(weight_file("dlib-hog-frontal").read_bytes()))  # type: ignore[operator]
    detector = phiz.load(path)
    assert detector.name == "dlib-hog-frontal"
    assert detector.labels == HOG.labels


def test_unknown_files_are_tried_as_everything_they_could_be(tmp_path: Path) -> None:
    (tmp_path / "mine.svm").write_bytes(write.fhog_detector())
    detector = phiz.load(tmp_path / "mine.svm")
    assert detector.name == "mine.svm"
    assert detector.labels is None
    (tmp_path / "mine.dat").write_bytes(write.shape_predictor(points=5))
    assert phiz.load(tmp_path / "mine.dat").scheme == "dlib-5"
    (tmp_path / "odd.dat").write_bytes(write.shape_predictor(points=7))
    with pytest.raises(errors.FormatError, match="a shape predictor of 4, 5, 6 or 68 points"):
        phiz.load(tmp_path / "odd.dat")


def test_the_upsampling_a_detector_was_trained_with_is_its_default(tmp_path: Path) -> None:
    path = tmp_path / "simple.svm"
    path.write_bytes(write.fhog_detector() + write.integer(1) + write.integer(2))
    assert phiz.load(path).options == HogOptions(upsample=2)
    assert phiz.load(path, options=HogOptions()).options == HogOptions()
    path.write_bytes(write.fhog_detector() + write.integer(1) + write.integer(99))
    with pytest.raises(errors.FormatError, match="0 to 8"):
        phiz.load(path)


def test_a_fine_tuned_network_is_recognised_by_its_architecture(tmp_path: Path) -> None:
    from phiz.nets.dlib_face_resnet import dlib_face_resnet

    for norm in ("affine_", "bn_con2"):
        path = tmp_path / f"{norm}.dat"
        path.write_bytes(write.network(dlib_face_resnet(), norm=norm))
        describer = phiz.load(path)
        vectors = describer(np.zeros((2, 150, 150, 3), np.uint8)).vectors
        assert vectors.shape == (2, 128)
        assert describer.space.startswith(store.file_digest(path)[:16])


def test_a_damaged_file_under_a_known_name_fails_by_its_hash(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = bytearray(HOG_FILE.read_bytes())
    monkeypatch.setenv("PHIZ_MODEL_DIR", str(tmp_path))
    content[5000] ^= 1
    (tmp_path / HOG.file).write_bytes(content)
    with pytest.raises(errors.IntegrityError, match="is not that of dlib-hog-frontal"):
        phiz.load("dlib-hog-frontal")
    (tmp_path / HOG.file).write_bytes(content[:3000])
    with pytest.raises(errors.IntegrityError):
        phiz.load("dlib-hog-frontal")


def test_a_file_that_is_nothing_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "noise.dat"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(errors.FormatError, match=r"noise\.dat @ byte \d+: wanted .*, found"):
        phiz.load(path)
    path.write_bytes(b"")
    with pytest.raises(errors.FormatError):
        phiz.load(path)


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.MOST_UNPACKED == 1 << 29
    monkeypatch.setattr(store, "MOST_UNPACKED", 1 << 24)  # so that the test needs less memory
    path = tmp_path / "bomb.dat.bz2"
    path.write_bytes(bz2.compress(bytes(1 << 27)))
    assert path.stat().st_size < 1000
    with pytest.raises(errors.FormatError, match="at most 16"):
        phiz.load(path)
    path.write_bytes(bz2.compress(b"some content")[:-4])
    with pytest.raises(errors.FormatError, match=r"\.bz2"):
        phiz.load(path)
    path.write_bytes(b"no bzip2 at all")
    with pytest.raises(errors.FormatError, match=r"a whole \.bz2 file"):
        phiz.load(path)


def test_original_file_names_are_names(tmp_path: Path) -> None:
    assert phiz.load("shape_predictor_5_face_landmarks.dat").name == "dlib-landmarks-5"
    assert phiz.load("shape_predictor_5_face_landmarks.dat.bz2").name == "dlib-landmarks-5"
    copy = tmp_path / "shape_predictor_5_face_landmarks.dat"
    shutil.copy(weight_file("dlib-landmarks-5"), copy)
    assert phiz.load(copy).name == "dlib-landmarks-5"


def test_models_not_for_commerce_can_be_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert phiz.load("dlib-landmarks-5", commercial_only=True).scheme == "dlib-5"
    with pytest.raises(errors.LicenceError, match="300-W"):
        phiz.load("dlib-landmarks-68", commercial_only=True)
    monkeypatch.setenv("PHIZ_COMMERCIAL_ONLY", "1")
    with pytest.raises(errors.LicenceError):
        phiz.load("dlib-landmarks-68")
    renamed = tmp_path / "free.dat"
    renamed.symlink_to(weight_file("dlib-landmarks-68"))
    with pytest.raises(errors.LicenceError):
        phiz.load(renamed)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"device": "cuda"}, errors.DeviceError, "device='cpu'"),
        ({"device": "tpu"}, errors.DeviceError, "'tpu'"),
        ({"precision": "int8"}, errors.OptionError, "'int8'"),
        ({"threads": 0}, errors.OptionError, "1 or more"),
        ({"options": 3}, errors.OptionError, "HogOptions, found int"),
    ],
)
def test_options_that_do_not_apply_are_refused(
    options: dict[str, object], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        phiz.load("dlib-hog-frontal", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"upsample": -1}, {"upsample": 9}, {"threshold": float("nan")}])
def test_detector_options_have_ranges(bad: dict[str, float]) -> None:
    with pytest.raises(errors.OptionError):
        phiz.HogOptions(**bad)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError):
        phiz.load("dlib-hog-frontal")(np.zeros((9, 9, 3), np.uint8), **bad)
    with pytest.raises(errors.OptionError, match="takes no options"):
        phiz.load("dlib-landmarks-5", options=HogOptions())
