"""What ``phiz eval`` prints and writes: tables for people, report.json, report.html."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from phiz.errors import ImageError, MissingExtra

if TYPE_CHECKING:
    from phiz.checks import F32
    from phiz.evaluation.curves import Curve
    from phiz.evaluation.intervals import Interval
    from phiz.evaluation.scores import Histogram, PairScore

__all__ = ["ErrorPair", "Page", "columns", "number", "pair_rows", "ranged", "write_reports"]

UNSUPPORTED = "unsupported"
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 1100px; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid #8884; padding: .2rem .8rem .2rem 0; text-align: left; }
.plots img { background: white; max-width: 100%; }
.pairs { display: flex; flex-wrap: wrap; gap: 12px; }
figure { margin: 0; width: 200px; } figure img { width: 96px; height: 96px; object-fit: cover; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.note { opacity: .7; }
"""


def number(value: float | None) -> str:
    """Return a number in six digits, as dlib's programs print it, or that there is none."""
    return UNSUPPORTED if value is None else f"{value:g}"


def ranged(interval: Interval | None) -> str:
    """Return a value with its interval."""
    if interval is None:
        return UNSUPPORTED
    return f"{interval.value:.6g} [{interval.low:.4g}, {interval.high:.4g}]"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines in which columns are aligned."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
             for row in rows)  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def pair_rows(scores: Sequence[PairScore]) -> list[list[str]]:
    """Return the table of what models scored on pairs, one column for each."""
    from phiz.evaluation.curves import equal_error

    def equal(score: PairScore) -> str:
        found = equal_error(score.curve)
        return UNSUPPORTED if found is None else f"{found[0]:g} at {found[1]:g}"

    fars = list(scores[0].intervals.tar)
    return [
        ["", *(score.model for score in scores)],
        ["people", *(str(score.people) for score in scores)],
        ["pictures", *(str(score.pictures) for score in scores)],
        ["pairs of one person", *(str(score.curve.genuine_total) for score in scores)],
        ["pairs of two people", *(str(score.curve.impostor_total) for score in scores)],
        ["AUC", *(ranged(score.intervals.auc) for score in scores)],
        *(
            [f"TAR at FAR {far:g}", *(ranged(score.intervals.tar[far]) for score in scores)]
            for far in fars
        ),
        ["equal-error rate", *(equal(score) for score in scores)],
        ["threshold", *(number(score.threshold) for score in scores)],
        ["  accuracy", *(number(score.at.accuracy if score.at else None) for score in scores)],
        ["  false match rate", *(ranged(score.fmr) for score in scores)],
        ["  false non-match rate", *(ranged(score.fnmr) for score in scores)],
    ]


@dataclass(frozen=True, slots=True)
class ErrorPair:
    """Two pictures that were taken wrongly, or almost."""

    left: Path
    right: Path
    left_box: F32 | None
    right_box: F32 | None
    said: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a report shows.

    record: report.json.  rows: its table.  curves, histograms: drawn where Matplotlib is here.
    errors: under each heading, pairs of pictures.  tables: under each heading, further tables.
    """

    title: str
    record: Mapping[str, Any]
    rows: Sequence[Sequence[str]]
    curves: Mapping[str, Curve]
    histograms: Mapping[str, tuple[Histogram, float | None]]
    errors: Mapping[str, Sequence[ErrorPair]]
    tables: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)


def _figure(pair: ErrorPair, max_pixels: int) -> str:
    from phiz.cli.report import data_url, face_crop
    from phiz.imaging import read_image, shrink

    shown = []
    for path, box in ((pair.left, pair.left_box), (pair.right, pair.right_box)):
        try:
            image = read_image(path, max_pixels=max_pixels)
        except ImageError:  # precomputed vectors may be all there is
            continue
        crop = shrink(image, 96) if box is None else face_crop(image, box)
        shown.append(f"<img src='{data_url(crop)}' alt='face'>")
    names = "<br>".join(escape(str(path), quote=True) for path in (pair.left, pair.right))
    said = escape(pair.said, quote=True)
    return f"<figure>{''.join(shown)}<figcaption>{said}<br>{names}</figcaption></figure>"


def _plots(page: Page) -> Iterator[str]:
    """Yield the plots, or a note; a page without curves is still a page."""
    from phiz.evaluation.plots import det_svg, histogram_svg, roc_svg

    curves = {name: curve for name, curve in page.curves.items() if curve.two_sided}
    try:
        pictures = [draw(curves) for draw in (roc_svg, det_svg) if curves]
        pictures += [
            histogram_svg(name, histogram, threshold)
            for name, (histogram, threshold) in page.histograms.items()
        ]
    except MissingExtra as error:
        typer.echo(f"phiz: the page has no curves: {error}", err=True)
        yield f"<p class='note'>{escape(str(error))}</p>"
        return
    for picture in pictures:
        encoded = base64.b64encode(picture).decode()
        yield f"<img src='data:image/svg+xml;base64,{encoded}' alt='curve'>"


def _html(page: Page, max_pixels: int) -> Iterator[str]:
    head, *body = page.rows
    yield (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta http-equiv='Content-Security-Policy' "
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(page.title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(page.title)}</h1><table>"
    )
    yield _row(head, "th")
    yield from (_row(row, "td") for row in body)
    yield (
        "</table><p class='note'>In brackets 95 % intervals by a bootstrap over people. "
        "Unsupported: the data has too few pairs to say.</p><div class='plots'>"
    )
    yield from _plots(page)
    yield "</div>"
    for heading, rows in page.tables.items():
        yield f"<h2>{escape(heading)}</h2><table>{_row(rows[0], 'th')}"
        yield from (_row(row, "td") for row in rows[1:])
        yield "</table>"
    for heading, pairs in page.errors.items():
        if pairs:
            yield f"<h2>{escape(heading)}</h2><div class='pairs'>"
            yield from (_figure(pair, max_pixels) for pair in pairs)
            yield "</div>"
    yield "</html>"


def _row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def write_reports(folder: Path, page: Page, *, max_pixels: int) -> None:
    """Write report.json and report.html, each whole or not at all."""
    from phiz.cache import writing

    with writing(folder / "report.json") as file:
        file.write(json.dumps(page.record, indent=1).encode())
    lines = [line.encode("utf-8", "surrogateescape") for line in _html(page, max_pixels)]
    with writing(folder / "report.html") as file:
        file.writelines(lines)
    typer.echo(f"phiz: wrote {folder / 'report.html'} and {folder / 'report.json'}", err=True)
