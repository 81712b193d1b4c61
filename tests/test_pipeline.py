"""Pictures in, faces out: order, batches, errors, and what is remembered between runs."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import phiz
from phiz.errors import ImageError, OptionError
from phiz.facecache import FaceCache
from phiz.imaging import encode
from phiz.pipeline import Frame, Recipe, make_recipe, run
from phiz.table import FaceTable
from tests.sources import weight_file


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    """A folder of 60 pictures of different sizes, some without faces, some broken."""
    folder = tmp_path_factory.mktemp("album")
    random = np.random.default_rng(0)
    sources = [Image.fromarray(picture) for picture in pictures.values()]
    for number in range(60):
        image = sources[number % len(sources)]
        scale = random.uniform(0.25, 0.5) * 1000 / max(image.size)
        size = (max(8, int(image.width * scale)), max(8, int(image.height * scale)))
        image.resize(size).save(folder / f"{number:03}.png")
    Image.new("RGB", (70, 90)).save(folder / "blank.png")
    (folder / "empty.jpg").write_bytes(b"")
    whole = encode(np.zeros((50, 50, 3), np.uint8), ".jpg")
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return make_recipe(upsample=1)


def same(one: FaceTable, other: FaceTable) -> None:
    assert one.pictures == other.pictures
    for name in ("picture", "rank", "boxes", "scores", "labels", "landmarks", "descriptors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_analyze_is_the_steps_one_by_one(
    pictures: dict[str, np.ndarray], detector: Any, five_points: Any, describer: Any
) -> None:
    image = pictures["astronaut.png"]
    table = phiz.analyze(image)
    faces = detector(image)
    landmarks = five_points(image, faces)
    vectors = describer(phiz.align(image, landmarks))
    assert len(table) == len(faces) > 0
    np.testing.assert_array_equal(table.boxes, faces.boxes)
    np.testing.assert_array_equal(table.landmarks, landmarks.points)
    np.testing.assert_array_equal(table.descriptors, vectors.vectors)
    assert table.space == vectors.space
    assert table.labels.tolist() == list(faces.labels)


def test_steps_can_be_left_out(pictures: dict[str, np.ndarray]) -> None:
    image = pictures["astronaut.png"]
    boxes_only = phiz.analyze(image, landmarks=None, descriptor=None)
    assert boxes_only.landmarks is None
    assert boxes_only.descriptors is None
    assert phiz.analyze(image, descriptor=None).landmarks.shape[1:] == (5, 2)
    with pytest.raises(OptionError, match="wants landmarks"):
        phiz.analyze(image, landmarks=None)
    with pytest.raises(phiz.ModelNotFound, match="charm"):
        phiz.analyze(image, attributes=["charm"])


def test_a_picture_without_faces_is_an_empty_table() -> None:
    table = phiz.analyze(np.zeros((100, 80, 3), np.uint8))
    assert len(table) == 0
    assert table.pictures[0].width == 80
    assert table.descriptors.shape == (0, 128)
    assert phiz.cluster(table).tolist() == []


def test_a_picture_that_cannot_be_read_is_an_error_for_one_and_a_row_among_many(
    album: Path, recipe: Recipe
) -> None:
    with pytest.raises(ImageError, match="the file is empty"):
        phiz.analyze(album / "empty.jpg")
    names = ["000.png", "empty.jpg", "nowhere.png", "truncated.jpg", "001.png"]
    tables = list(run([album / name for name in names], recipe))
    assert [table.pictures[0].error is None for table in tables] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert len(tables[0]) > 0
    assert "nowhere.png" in str(tables[2].pictures[0].error)


def test_tables_come_in_the_order_of_pictures_and_equal_single_runs(
    album: Path, recipe: Recipe
) -> None:
    paths = sorted(album.glob("*.png"))
    tables = list(run(paths, recipe))
    assert [table.pictures[0].source for table in tables] == [str(path) for path in paths]
    assert sum(len(table) for table in tables) > 40
    for path, table in list(zip(paths, tables, strict=True))[::7]:
        same(table, phiz.analyze(path, upsample=1))


def test_every_kind_of_picture_is_taken(album: Path) -> None:
    path = album / "000.png"
    data = path.read_bytes()
    image = Image.open(io.BytesIO(data))
    items = [path, str(path), data, np.asarray(image), image, Frame(data, "frame", 7, 0.25)]
    tables = list(run(items))
    for table in tables[1:]:
        np.testing.assert_array_equal(table.descriptors, tables[0].descriptors)
    assert tables[2].pictures[0].source == "picture 2"
    last = tables[5].pictures[0]
    assert (last.source, last.frame, last.time) == ("frame", 7, 0.25)
    assert tables[0].face_id == tables[2].face_id != tables[3].face_id


def test_a_stream_is_read_only_as_far_ahead_as_needed(album: Path, recipe: Recipe) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield album / "000.png"

    stream = run(endless(), recipe)
    for _ in range(3):
        next(stream)
    assert taken < 200
    stream.close()  # type: ignore[attr-defined]


def test_an_error_in_the_source_of_pictures_comes_through(album: Path, recipe: Recipe) -> None:
    def broken() -> Iterator[Path]:
        yield album / "000.png"
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="the camera is gone"):
        list(run(broken(), recipe))


def test_threads_that_share_models_get_what_one_thread_gets(
    album: Path, detector: Any, five_points: Any, describer: Any
) -> None:
    images = [phiz.read_image(path) for path in sorted(album.glob("0*.png"))[:12]]

    def everything(image: np.ndarray) -> tuple[bytes, bytes, bytes]:
        faces = detector(image, upsample=1)
        points = five_points(image, faces)
        vectors = describer(phiz.align(image, points))
        return faces.boxes.tobytes(), points.points.tobytes(), vectors.vectors.tobytes()

    expected = [everything(image) for image in images]
    wrong: list[int] = []

    def work(number: int) -> None:
        for index in range(number, number + 4):
            if everything(images[index % 12]) != expected[index % 12]:
                wrong.append(index)  # noqa: PERF401

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_jittered_descriptors_do_not_depend_on_other_faces(album: Path, describer: Any) -> None:
    paths = [album / "000.png", album / "001.png", album / "002.png"]
    jittered = make_recipe(upsample=1, jitter=3)
    together = list(run(paths, jittered))
    for path, table in zip(paths, together, strict=True):
        np.testing.assert_array_equal(
            table.descriptors, phiz.analyze(path, upsample=1, jitter=3).descriptors
        )
    assert jittered.settings_hash != make_recipe(upsample=1).settings_hash


def test_results_are_remembered_by_content_and_settings(
    album: Path, recipe: Recipe, own_cache: Path, tmp_path: Path
) -> None:
    paths = sorted(album.glob("*"))
    with FaceCache() as cache:
        fresh = list(run(paths, recipe, cache=cache))
        again = list(run(paths, recipe, cache=cache))
        for one, other in zip(fresh, again, strict=True):
            same(one, other)
        moved = tmp_path / "moved.png"
        moved.write_bytes((album / "000.png").read_bytes())
        (table,) = run([moved], recipe, cache=cache)
        assert table.pictures[0].source == str(moved)
        np.testing.assert_array_equal(table.descriptors, fresh[0].descriptors)
        assert cache.get(table.pictures[0].content_hash, "other settings") is None
    rows = sqlite3.connect(own_cache / "faces.sqlite").execute("SELECT count(*) FROM faces")
    assert rows.fetchone()[0] == len(
        {t.pictures[0].content_hash for t in fresh if not t.pictures[0].error}
    )


def test_a_damaged_memory_is_put_aside(album: Path, recipe: Recipe, own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "faces.sqlite").write_bytes(b"no database" * 1000)
    with FaceCache() as cache:
        (table,) = run([album / "000.png"], recipe, cache=cache)
        assert len(table) > 0
        (again,) = run([album / "000.png"], recipe, cache=cache)
        same(table, again)
    assert len(list(own_cache.glob("faces.sqlite.damaged-*"))) == 1


def copy_kernels(cache: Path) -> None:
    """Put this process's compiled kernels into another cache: what is killed is the work."""
    from phiz.kernels._native import kernel_cache

    compiled = kernel_cache()
    assert compiled is not None
    shutil.copytree(compiled, cache / "kernels" / compiled.name)


def _cluster(album: Path, out: Path, cache: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "phiz", "cluster", str(album), "--out", str(out)]
    environment = {**os.environ, "PHIZ_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [*command, "--upsample", "1", "--threads", "2"], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_killed_run_goes_on_where_it_stopped(album: Path, tmp_path: Path) -> None:
    """``benchmarks/kill_and_resume.py`` kills at twenty random moments."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        copy_kernels(folder / "cache")
    first = _cluster(album, whole / "out", whole / "cache")
    start = time.perf_counter()
    assert first.wait(300) == 1  # two pictures cannot be read
    length = time.perf_counter() - start
    seen = 0
    for share in (0.5, 0.8, 0.95):
        process = _cluster(album, killed / "out", killed / "cache")
        time.sleep(length * share)
        process.send_signal(signal.SIGKILL)
        process.wait()
        database = killed / "cache" / "faces.sqlite"
        if database.exists():
            rows = sqlite3.connect(database).execute("SELECT count(*) FROM faces").fetchone()[0]
            assert rows >= seen
            seen = rows
    assert _cluster(album, killed / "out", killed / "cache").wait(300) == 1
    labels = [(folder / "out" / "labels.csv").read_bytes() for folder in (whole, killed)]
    assert labels[0] == labels[1]
    assert labels[0].count(b"\n") > 40
    assert sorted(path.name for path in (killed / "out").iterdir()) == ["labels.csv", "report.html"]


def test_attributes_become_columns(album: Path) -> None:
    weight_file("cydral-age-v1")
    names = ("cydral-gender-v1", "cydral-age-v1")
    picture = next(iter(sorted(album.glob("*.png"))))
    table = phiz.analyze(picture, attributes=names, upsample=1)
    assert len(table) > 0
    image, landmarks = phiz.read_image(picture), phiz.Landmarks(table.landmarks, "dlib-5")
    for name in names:
        model = phiz.load(name)
        scores = model(phiz.align(image, landmarks, chip=model.input))
        best = scores.probs.max(axis=1)
        np.testing.assert_array_equal(table.attributes[f"{name}.score"], best)
        if scores.age is None:
            assert table.attributes[name].tolist() == [row[0][0] for row in scores.top(1)]
        else:
            np.testing.assert_array_equal(table.attributes[name], scores.age)
    with pytest.raises(phiz.OptionError, match="wanted a classifier of faces"):
        phiz.analyze(picture, attributes=["dlib-face-resnet-v1"])
    with pytest.raises(phiz.OptionError, match="attributes want landmarks"):
        phiz.analyze(picture, attributes=names, landmarks=None, descriptor=None)
