"""Pictures as networks of face-api.js take them: padded to a square, resized, normalised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.kernels.square import fill_square

NO_MEAN = np.zeros(3, np.float32)


def plain(image: np.ndarray, side: int, *, centred: bool) -> np.ndarray:
    """The same in NumPy and float64: (side, side, 3)."""
    height, width = image.shape[:2]
    square = max(height, width)
    padded = np.zeros((square, square, 3))
    x, y = ((square - own) // 2 if centred else 0 for own in (width, height))
    padded[y : y + height, x : x + width] = image
    place = np.arange(side) * (square / side)
    low = np.floor(place).astype(int)
    high = np.minimum(np.ceil(place).astype(int), square - 1)
    share = place - low
    rows = padded[:, low] + (padded[:, high] - padded[:, low]) * share[:, None]
    return rows[low] + (rows[high] - rows[low]) * share[:, None, None]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 9))
def test_a_part_of_a_picture(height: int, width: int, side: int, centred: bool, edge: int) -> None:
    random = np.random.default_rng(height * 41 + width)
    image = random.integers(0, 256, (height + 2 * edge, width + edge, 3), np.uint8)
    crop = np.array([edge, edge, edge + width, edge + height])
    mean = np.array([100, 50, 25], np.float32)
    pixels = np.full((side, side, 3), np.nan, np.float32)
    fill_square(image, crop, mean, 1 / 64, pixels, centred=centred)
    part = image[edge : edge + height, edge : edge + width]
    want = (plain(part, side, centred=centred) - mean) / 64
    np.testing.assert_allclose(pixels, want, atol=2e-5)


@pytest.mark.shared
def test_the_originals_numbers(shared: Path) -> None:
    """Source: face-api.js 0.22.2 on tfjs-core 1.7.0, pattern A: (index * 7919) mod 256."""
    kept = np.load(shared / "golden" / "faceapi" / "raw" / "batch_patternA.npz")
    for key in kept.files:
        _, size, side, where = key.split("_")
        height, width = map(int, size.split("x"))
        image = (np.arange(height * width * 3) * 7919 % 256).astype(np.uint8)
        pixels = np.empty((int(side), int(side), 3), np.float32)
        fill_square(
            image.reshape(height, width, 3),
            np.array([0, 0, width, height]),
            NO_MEAN,
            1.0,
            pixels,
            centred=where == "center",
        )
        want = kept[key].reshape(int(side), int(side), 3)
        np.testing.assert_allclose(pixels, want, atol=1e-4)
