"""Plots of any curves are SVG, the same bytes every time, and names in them are text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phiz.evaluation.curves import curve_of
from phiz.evaluation.plots import det_svg, histogram_svg, roc_svg
from phiz.evaluation.scores import Histogram
from phiz.evaluation.trials import Trials

pytest.importorskip("matplotlib")


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5000), st.sampled_from([0.0, 0.3, 5.0]))
def test_any_curve_is_drawn(seed: int, count: int, apart: float) -> None:
    """Also of two pairs, and of models that make no errors."""
    random = np.random.default_rng(seed)
    other = random.integers(0, 2, count)
    other[:2] = (0, 1)
    distances = random.random(count) + apart * other
    people = np.stack([np.zeros(count, np.int64), other], axis=1)
    curve = curve_of(Trials(distances, other == 0, people))
    for draw in (roc_svg, det_svg):
        found = draw({"one": curve, "<b>$\\frac$ & co": curve})
        assert found.startswith(b"<?xml")
        assert b"</svg>" in found
        assert b"<b>" not in found
        assert found == draw({"one": curve, "<b>$\\frac$ & co": curve})
    counts = np.histogram(distances, 10)[0].astype(np.int64)
    histogram = Histogram(np.linspace(0, 1, 11), counts, counts)
    assert b"</svg>" in histogram_svg("$x_", histogram, 0.6)
