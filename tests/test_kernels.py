"""Compiled kernels: what they refuse, how they are kept, and that Numba is needed once only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phiz.cache import find_sealed, undamaged
from phiz.kernels._jit import helper, kernel
from phiz.kernels._native import kernel_cache, native
from phiz.kernels.pyramid import planes_of

SPLIT = """
import sys
import numpy as np
from phiz.kernels.pyramid import planes_of
image = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
planes = np.zeros((3, 2, 5), np.uint8)
planes_of(image, planes)
assert (planes == image.transpose(2, 0, 1)).all()
print("numba" in sys.modules)
"""


def split(cache: Path) -> bool:
    """Run a kernel in a fresh process; returns whether that took Numba."""
    done = subprocess.run(
        [sys.executable, "-c", SPLIT],
        env={**os.environ, "PHIZ_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip() == "True"


def kept(cache: Path) -> Path:
    (folder,) = (cache / "kernels").iterdir()
    found = find_sealed(folder, "phiz_planes_of")
    assert found is not None
    return found


def test_only_the_first_process_needs_numba(tmp_path: Path) -> None:
    assert split(tmp_path) is True
    assert split(tmp_path) is False


def test_damaged_machine_code_is_compiled_again_not_run(tmp_path: Path) -> None:
    split(tmp_path)
    file = kept(tmp_path)
    code = bytearray(file.read_bytes())
    code[len(code) // 2] ^= 0xFF
    file.write_bytes(code)
    assert not undamaged(file)
    assert split(tmp_path) is True
    assert split(tmp_path) is False
    assert undamaged(kept(tmp_path))


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    assert split(nowhere) is True
    assert split(nowhere) is True


@pytest.mark.parametrize(
    ("image", "planes"),
    [
        (np.zeros((4, 5, 3), np.float32), np.zeros((3, 4, 5), np.uint8)),
        (np.zeros((4, 5), np.uint8), np.zeros((3, 4, 5), np.uint8)),
        (np.zeros((4, 10, 3), np.uint8)[:, ::2], np.zeros((3, 4, 5), np.uint8)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((3, 5, 4), np.uint8).transpose(0, 2, 1)),
    ],
)
def test_arrays_of_another_kind_are_refused(image: np.ndarray, planes: np.ndarray) -> None:
    with pytest.raises(TypeError, match="planes_of: wanted a contiguous uint8 array of 3 dim"):
        planes_of(image, planes)


@helper(contract=True)
def _twice(value: float) -> float:
    return 2 * value


@kernel("f8:1 f8 i8 f8:1")
def _line(x: np.ndarray, slope: float, shift: int, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = _twice(slope) * x[i] + shift


def test_a_kernel_takes_numbers_and_calls_helpers() -> None:
    x, out = np.arange(7.0), np.zeros(7)
    _line(x, 0.25, -3, out)
    assert out.tolist() == [-3, -2.5, -2, -1.5, -1, -0.5, 0]
    with pytest.raises(ValueError, match="zip"):
        _line(x, 0.25, out)  # type: ignore[call-arg]


def test_machine_code_that_cannot_stand_alone_is_refused() -> None:
    text = "declare void @somewhere()\ndefine i32 @f() {\ncall void @somewhere()\nret i32 0\n}\n"
    with pytest.raises(RuntimeError, match="needs somewhere cannot stand alone"):
        native("f", lambda: text)
    folder = kernel_cache()
    assert folder is None or find_sealed(folder, "f") is None
