"""The page that shows who is in the pictures: one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phiz.cache import writing
from phiz.checks import F32, I64, U8
from phiz.cli.common import plural
from phiz.errors import ImageError
from phiz.imaging import encode, read_image, shrink
from phiz.runtime import default_runtime

if TYPE_CHECKING:
    from phiz.table import FaceTable

__all__ = ["data_url", "distance_sample", "face_crop", "write_report"]

_CROP = 96  # pixels, side of a face on the page
_PICTURE = 1000  # pixels, longer side of a source picture on the page
_EMBEDDED = 400  # source pictures kept in the page; others are opened from where they are
_PER_PERSON = 200  # faces shown of one person
_SINGLES = 1000  # people seen once who are shown
_PAIRS = 1_000_000  # of the histogram
_BINS = 60

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 1200px; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.faces { display: flex; flex-wrap: wrap; gap: 6px; }
.faces button { border: 0; padding: 0; background: none; cursor: pointer; line-height: 0; }
.faces img { width: 96px; height: 96px; object-fit: cover; border-radius: 6px; }
.faces button:focus-visible img { outline: 3px solid #3b82f6; }
.note { opacity: .7; }
svg { max-width: 100%; height: auto; }
dialog { border: 0; border-radius: 10px; padding: 12px; max-width: 95vw; }
dialog::backdrop { background: rgba(0, 0, 0, .7); }
#frame { position: relative; display: inline-block; line-height: 0; }
#frame img { max-width: 90vw; max-height: 82vh; }
#box { position: absolute; border: 3px solid #22c55e; box-sizing: border-box; }
"""

_SCRIPT = """
const view = document.getElementById('view'), box = document.getElementById('box');
const picture = document.getElementById('picture'), name = document.getElementById('name');
document.addEventListener('click', event => {
  const face = event.target.closest('button[data-picture]');
  if (!face) { if (event.target === view) view.close(); return; }
  const store = document.getElementById('p' + face.dataset.picture);
  picture.src = store.dataset.src || store.src;
  const [x0, y0, x1, y1] = face.dataset.box.split(' ');
  box.style.left = x0 + '%'; box.style.top = y0 + '%';
  box.style.width = (x1 - x0) + '%'; box.style.height = (y1 - y0) + '%';
  name.textContent = face.title;
  view.showModal();
});
"""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows of one picture: its faces' crops by row, and itself if embedded."""

    crops: dict[int, str]
    picture: str | None


def data_url(image: U8) -> str:
    """Return a picture as a URL that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(encode(image, ".jpg", quality=80)).decode()


def face_crop(image: U8, box: F32) -> U8:
    """Return the face with a quarter of its size around it, as a square."""
    x0, y0, x1, y1 = (float(side) for side in box)
    half = max(x1 - x0, y1 - y0, 1.0) * 0.75
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = image.shape[:2]
    top, bottom = int(max(0, y - half)), int(min(height, y + half))
    left, right = int(max(0, x - half)), int(min(width, x + half))
    cut = image[top:bottom, left:right]
    if not cut.size:
        return np.zeros((_CROP, _CROP, 3), np.uint8)
    return shrink(np.ascontiguousarray(cut), _CROP)


def _show_picture(
    table: FaceTable, rows: list[int], source: str, embed: bool, max_pixels: int
) -> _Shown:
    try:
        image = read_image(source, max_pixels=max_pixels)
    except ImageError:  # it was there a moment ago; the page says less, the run goes on
        return _Shown({}, None)
    crops = {row: data_url(face_crop(image, table.boxes[row])) for row in rows}
    return _Shown(crops, data_url(shrink(image, _PICTURE)) if embed else None)


def distance_sample(vectors: F32, labels: I64) -> tuple[np.ndarray, np.ndarray]:
    """Return distances of pairs (m,) and whether each pair is one person (m,).

    All pairs, or a million of them chosen at random, always the same ones.
    """
    count = len(vectors)
    if count * (count - 1) // 2 <= _PAIRS:
        one, other = np.triu_indices(count, 1)
    else:
        random = np.random.default_rng(0)
        one, other = random.integers(0, count, (2, _PAIRS))
        one, other = one[one != other], other[one != other]
    distances = np.empty(len(one), np.float32)
    for start in range(0, len(one), 1 << 16):
        part = slice(start, start + (1 << 16))
        distances[part] = np.linalg.norm(vectors[one[part]] - vectors[other[part]], axis=1)
    return distances, labels[one] == labels[other]


def _histogram(vectors: F32, labels: I64, threshold: float) -> str:
    """Return the distances of pairs as an SVG, with the threshold marked."""
    distances, same = distance_sample(vectors, labels)
    if not len(distances):
        return "<p class='note'>One face: no distances.</p>"
    end = max(float(distances.max()), threshold) * 1.02
    edges = np.linspace(0, end, _BINS + 1)
    together, _ = np.histogram(distances[same], edges)
    apart, _ = np.histogram(distances[~same], edges)
    # Square roots: pairs of one person are few, and must be seen next to all the others.
    top = np.sqrt(max(together.max(), apart.max(), 1))
    width, height, step = 720, 200, 720 / _BINS
    bars = []
    for values, colour in ((apart, "#94a3b8"), (together, "#22c55e")):
        for i, value in enumerate(values):
            tall = height * np.sqrt(value) / top
            if value:
                bars.append(
                    f"<rect x='{i * step:.1f}' y='{height - tall:.1f}' width='{step - 1:.1f}' "
                    f"height='{tall:.1f}' fill='{colour}' fill-opacity='.75'/>"
                )
    mark = width * threshold / end
    ticks = "".join(
        f"<text x='{width * value / end:.1f}' y='{height + 16}' font-size='11' "
        f"text-anchor='middle' fill='currentColor'>{value:.1f}</text>"
        for value in np.arange(0, end, 0.2)
    )
    return (
        f"<svg viewBox='0 0 {width} {height + 36}' width='{width}' role='img' "
        f"aria-label='Distances between faces'>{''.join(bars)}"
        f"<line x1='{mark:.1f}' x2='{mark:.1f}' y1='0' y2='{height}' stroke='#ef4444' "
        f"stroke-width='2'/><text x='{mark + 4:.1f}' y='12' font-size='12' fill='#ef4444'>"
        f"threshold {threshold:g}</text>{ticks}</svg>"
        "<p class='note'>Distances between faces: of one person (green) and of different people "
        f"(grey); {len(distances):,} pairs, heights are square roots of counts.</p>"
    )


def _face(table: FaceTable, row: int, crop: str) -> str:
    picture = table.pictures[table.picture[row]]
    scale = np.array([picture.width, picture.height] * 2) / 100
    box = " ".join(f"{side:.2f}" for side in table.boxes[row] / scale)
    title = escape(f"{picture.source}, score {table.scores[row]:.2f}", quote=True)
    return (
        f"<button title='{title}' data-picture='{table.picture[row]}' data-box='{box}'>"
        f"<img src='{crop}' alt='face' loading='lazy'></button>"
    )


def _chosen(labels: I64) -> tuple[list[tuple[int, list[int], int]], list[int], int]:
    """Return people (label, rows shown, faces) by size, rows of singles shown, and their number."""
    people, sizes = np.unique(labels, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    groups, singles = [], []
    for person, size in zip(people[order].tolist(), sizes[order].tolist(), strict=True):
        rows = np.flatnonzero(labels == person).tolist()
        if size > 1:
            groups.append((person, rows[:_PER_PERSON], size))
        else:
            singles.extend(rows)
    return groups, singles[:_SINGLES], len(singles)


def _lines(table: FaceTable, labels: I64, threshold: float, max_pixels: int) -> Iterator[str]:
    groups, singles, single_count = _chosen(labels)
    shown_rows = sorted({row for _, rows, _ in groups for row in rows} | set(singles))
    by_picture: dict[int, list[int]] = {}
    for row in shown_rows:
        by_picture.setdefault(int(table.picture[row]), []).append(row)
    embedded = set(list(by_picture)[:_EMBEDDED])

    def show(index: int) -> _Shown:
        source = table.pictures[index].source
        return _show_picture(table, by_picture[index], source, index in embedded, max_pixels)

    shown = dict(zip(by_picture, default_runtime().map(show, by_picture), strict=True))
    crops = {row: crop for item in shown.values() for row, crop in item.crops.items()}

    failed = sum(picture.error is not None for picture in table.pictures)
    yield (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Who is in these pictures?</title><style>{_STYLE}</style>"
        f"<h1>{plural(len(table), 'face')} of "
        f"{plural(len(groups) + single_count, 'person', 'people')}</h1>"
        f"<p>{plural(len(table.pictures) - failed, 'picture')}, {failed} could not be read. "
        f"Seen more than once: {len(groups)}, seen once: {single_count}. "
        "Click a face to see its picture.</p>"
    )
    for number, (person, rows, size) in enumerate(groups, start=1):
        yield f"<h2>Person {number}: {size} faces (label {person})</h2><div class='faces'>"
        for row in rows:
            if row in crops:
                yield _face(table, row, crops[row])
        yield "</div>"
        if size > len(rows):
            yield f"<p class='note'>and {size - len(rows)} more, see labels.csv</p>"
    if singles:
        yield f"<h2>Seen once: {single_count}</h2><div class='faces'>"
        for row in singles:
            if row in crops:
                yield _face(table, row, crops[row])
        yield "</div>"
    yield "<h2>Distances</h2>"
    if table.descriptors is not None:
        yield _histogram(table.descriptors, labels, threshold)
    problems = [picture.error for picture in table.pictures if picture.error]
    if problems:
        yield f"<h2>Could not be read: {len(problems)}</h2><ul>"
        yield "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        yield "</ul>"
    yield (
        "<dialog id='view'><div id='frame'><img id='picture' alt='source picture'>"
        "<div id='box'></div></div><p id='name'></p></dialog><div hidden>"
    )
    for index, item in shown.items():
        if item.picture is not None:
            yield f"<img id='p{index}' data-src='{item.picture}' alt=''>"
        else:
            source = escape(Path(table.pictures[index].source).absolute().as_uri(), quote=True)
            yield f"<img id='p{index}' data-src='{source}' alt=''>"
    yield f"</div><script>{_SCRIPT}</script></html>"


def write_report(
    path: Path, table: FaceTable, labels: I64, threshold: float, *, max_pixels: int
) -> None:
    """Write the page: people as rows of faces, people seen once, and the distance histogram.

    labels: (n,) of the table's faces.  threshold: marked in the histogram.
    """
    lines = [line.encode() for line in _lines(table, labels, threshold, max_pixels)]
    with writing(path) as file:
        file.writelines(lines)
