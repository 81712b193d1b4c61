"""Threads that models share, and files that are whole or not there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from phiz.backends.ort import cached_session
from phiz.cache import cache_dir, find_sealed, private_dir, save_sealed, undamaged, writing
from phiz.errors import OptionError
from phiz.runtime import Runtime, default_runtime
from tests.test_graph import images, tiny


def test_work_runs_side_by_side_within_the_budget() -> None:
    runtime = Runtime(3)
    running, most = 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return number * number

    results: list[list[int]] = []
    callers = [
        threading.Thread(target=lambda: results.append(runtime.map(work, range(10))))
        for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [[n * n for n in range(10)]] * 8
    assert most == 3


def test_work_that_asks_for_more_work_does_not_wait_for_itself() -> None:
    runtime = Runtime(2)
    nested = runtime.map(lambda n: sum(runtime.map(lambda m: n * m, range(4))), range(6))
    assert nested == [6 * n for n in range(6)]


def test_errors_come_out_where_the_work_was_asked_for() -> None:
    runtime = Runtime(2)

    def work(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError):
        runtime.map(work, range(20))
    with pytest.raises(KeyError):
        runtime.map(lambda _: runtime.map(work, [3]), [0])
    assert runtime.map(work, [1, 2]) == [1, 2]


def test_budgets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_runtime() is default_runtime()
    monkeypatch.setenv("PHIZ_THREADS", "5")
    assert Runtime().threads == 5
    monkeypatch.setenv("PHIZ_THREADS", "many")
    with pytest.raises(OptionError, match="'many'"):
        Runtime()
    with pytest.raises(OptionError, match="1 or more"):
        Runtime(0)


def test_scratch_arrays_have_their_shapes_and_do_not_overlap() -> None:
    runtime = Runtime(1)
    for scale in (1, 3000):
        wanted = [((3, scale), np.uint8), ((2, scale, 2), np.float32), ((1,), np.int64)]
        with runtime.scratch(wanted) as arrays:
            assert [(a.shape, a.dtype) for a in arrays] == [(s, np.dtype(d)) for s, d in wanted]
            for number, array in enumerate(arrays):
                assert array.flags.c_contiguous
                assert array.ctypes.data % 64 == 0
                array[:] = number + 1
            assert [int(a.min()) for a in arrays] == [int(a.max()) for a in arrays] == [1, 2, 3]


def test_scratch_memory_is_lent_to_one_at_a_time() -> None:
    runtime = Runtime(2)
    wanted = [((100,), np.uint8)]
    with runtime.scratch(wanted) as (one,), runtime.scratch(wanted) as (other,):
        one[:], other[:] = 1, 2
        assert one.max() == 1
    with runtime.scratch([((1 << 24,), np.uint8)]) as (large,):
        large[:] = 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    runtime = Runtime(2)
    assert runtime.map(lambda n: n + 1, [1]) == [2]
    queue = multiprocessing.get_context("fork").SimpleQueue()

    def child() -> None:
        queue.put(runtime.map(lambda n: n + 1, [1, 2, 3]))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)
    assert process.exitcode == 0
    assert queue.get() == [2, 3, 4]


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "out" / "file.bin"

    def fail_halfway() -> None:
        with writing(target) as file:
            file.write(b"half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert list(target.parent.iterdir()) == []
    with writing(target) as file:
        file.write(b"whole")
    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_bytes() == b"whole"


def test_what_a_killed_process_left_is_cleared_after_a_while(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.txt.1.part", tmp_path / ".a.txt.2.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    with writing(tmp_path / "a.txt") as file:
        file.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.txt.2.part", "a.txt"]


def test_the_cache_is_private(own_cache: Path) -> None:
    folder = private_dir("models")
    assert cache_dir() == own_cache
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_damage_to_a_sealed_file_is_noticed(tmp_path: Path) -> None:
    assert find_sealed(tmp_path, "model") is None
    save_sealed(tmp_path, "model", b"content")
    path = find_sealed(tmp_path, "model")
    assert path is not None
    assert path.read_bytes() == b"content"
    assert undamaged(path)
    path.write_bytes(b"contend")
    assert not undamaged(path)


def test_a_converted_model_is_loaded_again_and_gives_the_same_numbers(own_cache: Path) -> None:
    made = []

    def make() -> object:
        made.append(1)
        return tiny()

    chips = images()
    outputs = []
    for _ in range(3):
        session = cached_session(make, weights="w", arch="tiny", threads=2)  # type: ignore[arg-type]
        outputs.append(*session.run({"image": chips}).values())
    assert len(made) == 1
    np.testing.assert_array_equal(outputs[0], outputs[1])
    other = cached_session(lambda: tiny(seed=5), weights="w2", arch="tiny", threads=2)
    (different,) = other.run({"image": chips}).values()
    assert not np.array_equal(outputs[0], different)


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_converted_model_is_made_again(own_cache: Path, damage: bytes | None) -> None:
    def output() -> np.ndarray:
        session = cached_session(tiny, weights="w", arch="tiny", threads=1)
        (value,) = session.run({"image": images()}).values()
        return value

    before = output()
    (path,) = (own_cache / "models").iterdir()
    content = path.read_bytes()
    if damage is None:  # one bit of a weight
        middle = len(content) // 2
        damage = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(damage)
    np.testing.assert_array_equal(output(), before)
    (path,) = (own_cache / "models").iterdir()
    assert undamaged(path)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PHIZ_CACHE_DIR", str(blocked / "cache"))
    session = cached_session(tiny, weights="w", arch="tiny", threads=1)
    (value,) = session.run({"image": images()}).values()
    assert np.isfinite(value).all()


_MAKER = """
import sys
from tests.test_graph import images, tiny
from phiz.backends.ort import cached_session
print("ready", flush=True)
session = cached_session(tiny, weights="w", arch="tiny", threads=1)
(value,) = session.run({"image": images()}).values()
sys.stdout.write(repr(value.tobytes()))
"""


def _start(cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PHIZ_CACHE_DIR": str(cache)}
    root = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", _MAKER], env=environment, cwd=root, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip


def test_processes_that_convert_the_same_model_at_once_all_succeed(own_cache: Path) -> None:
    processes = [_start(own_cache) for _ in range(4)]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(outputs) == 1
    left = list((own_cache / "models").iterdir())
    assert left
    assert all(undamaged(path) for path in left)


def test_a_process_killed_while_converting_leaves_a_usable_cache(own_cache: Path) -> None:
    for delay in (0.0, 0.02, 0.05, 0.1):
        process = _start(own_cache)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = _start(own_cache)
    process.communicate(timeout=120)
    assert process.returncode == 0
