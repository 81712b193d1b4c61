"""Curves and histograms as SVG: the only importer of Matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from phiz.errors import MissingExtra
from phiz.evaluation.curves import Curve, det_points
from phiz.evaluation.scores import Histogram

__all__ = ["det_svg", "histogram_svg", "roc_svg"]

_MOST = 2000  # points of a drawn curve


def _drawn(width: float, height: float, draw: Callable[[Any], None]) -> bytes:
    """Return one plot as SVG; MissingExtra with the install line where Matplotlib is not here."""
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("curves want Matplotlib: pip install 'phiz[plots]'") from error
    file = io.BytesIO()
    # Names of models are written as they are, not as mathematics; equal input gives equal bytes.
    with rc_context({"text.parse_math": False, "svg.hashsalt": "phiz", "svg.fonttype": "path"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        axes.grid(visible=True, alpha=0.3)
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _thinned(x: Any, y: Any) -> tuple[Any, Any]:
    """Return at most some thousand points of a curve, its ends among them."""
    if len(x) <= _MOST:
        return x, y
    rows = np.unique(np.linspace(0, len(x) - 1, _MOST).astype(np.int64))
    low = np.searchsorted(x, np.geomspace(max(float(x[x > 0].min()), 1e-12), 1.0, _MOST))
    rows = np.union1d(rows, np.minimum(low, len(x) - 1))
    return x[rows], y[rows]


def roc_svg(curves: Mapping[str, Curve]) -> bytes:
    """Draw the TAR over the FAR, on a logarithmic scale; one line per name."""

    def draw(axes: Any) -> None:
        least = 0.1
        for name, curve in curves.items():
            fmr, tar = curve.fmr, 1 - curve.fnmr
            shown = fmr > 0
            axes.step(*_thinned(fmr[shown], tar[shown]), where="post", label=name)
            least = min(least, 1 / curve.impostor_total)
        axes.set(
            xscale="log", xlim=(least, 1), xlabel="false match rate", ylabel="TAR", title="ROC"
        )
        axes.legend(loc="lower right")

    return _drawn(5, 4, draw)


def det_svg(curves: Mapping[str, Curve]) -> bytes:
    """Draw the FNMR over the FMR, both on a logarithmic scale; one line per name.

    A model whose thresholds never make errors of both kinds has a name and no line.
    """
    points = {name: det_points(curve) for name, curve in curves.items()}

    def draw(axes: Any) -> None:
        for name, line in points.items():
            axes.step(*(_thinned(*line) if len(line[0]) else line), where="post", label=name)
        axes.set(xlabel="false match rate", ylabel="false non-match rate", title="DET")
        if any(len(fmr) for fmr, _ in points.values()):
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
        axes.legend(loc="upper right")

    return _drawn(5, 4, draw)


def histogram_svg(name: str, histogram: Histogram, threshold: float | None) -> bytes:
    """Draw how the distances of either kind of pair are distributed, each with area 1."""

    def draw(axes: Any) -> None:
        for counts, label in (
            (histogram.impostor, "two people"),
            (histogram.genuine, "one person"),
        ):
            share = counts / (max(int(counts.sum()), 1) * np.diff(histogram.edges))
            axes.stairs(share, histogram.edges, fill=True, alpha=0.5, label=label)
        if threshold is not None:
            axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
        axes.set(xlabel="distance", ylabel="density", title=name)
        axes.legend()

    return _drawn(5, 3, draw)
