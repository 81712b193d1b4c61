"""The page that shows proposals side by side and takes decisions: self-contained HTML files.

A page has at most 300 pictures or pairs of people to decide about, with what they are compared to:
about 10 MB, 25 at most, however large the pictures are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phiz.cache import writing
from phiz.cli.report import data_url, face_crop
from phiz.errors import ImageError
from phiz.imaging import read_image, shrink
from phiz.runtime import default_runtime

if TYPE_CHECKING:
    from phiz.cleaning import Cleaning, Proposal

__all__ = ["write_pages"]

_TEMPLATE = Path(__file__).parents[1] / "data" / "review.html"
_CARDS = 300  # on a page
_BESIDE = 4  # pictures shown of an identity
_WHOLE = 224  # pixels, longer side of a whole picture
_REPEATED = ("duplicate", "near-duplicate")


@dataclass(frozen=True, slots=True)
class _Image:
    """A picture on the page: its face, or all of it."""

    index: int
    whole: bool


class _Page:
    """Puts the images that cards ask for into a numbered list, each once."""

    def __init__(self, cleaning: Cleaning) -> None:
        self.cleaning = cleaning
        self.names = cleaning.tree.pictures
        self.place = {name: index for index, name in enumerate(self.names)}
        self.of_identity: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            self.of_identity.setdefault(name.partition("/")[0], []).append(index)
        self.images: dict[_Image, int] = {}

    def _image(self, index: int, *, whole: bool = False) -> list[Any]:
        number = self.images.setdefault(_Image(index, whole), len(self.images))
        return [number, self.names[index]]

    def _identity(self, name: str, *, without: int = -1, most: int = _BESIDE) -> list[Any]:
        """Return some pictures of an identity, evenly chosen, as a side of a card."""
        faces = self.cleaning.faces
        every = self.of_identity[name]
        rows = [index for index in every if index != without and faces[index] >= 0]
        chosen = {rows[i] for i in np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)}
        images = [self._image(index) for index in sorted(chosen)]
        return [images, f"{name}: {len(every)} picture{'' if len(every) == 1 else 's'}"]

    def card(self, proposals: list[Proposal]) -> dict[str, Any]:
        """Return what the page shows of proposals about one picture or one pair of people."""
        first = proposals[0]
        reasons = [[each.kind, each.reason, round(each.score, 3)] for each in proposals]
        if first.kind == "merge":
            values = first.values
            return {
                "key": f"merge {first.identity}\n{first.target}",
                "title": f"{first.identity}, {first.target}: one person?",
                "merge": [first.identity, first.target],
                "sizes": [values["pictures"], values["target_pictures"]],
                "mean": values["mean"],
                "nearest": values["nearest"],
                "reasons": reasons,
                "sides": [
                    self._identity(name, most=_BESIDE + 2)
                    for name in (first.identity, first.target)
                ],
            }
        index = self.place[first.picture]
        mine = [self._image(index, whole=True)]
        if self.cleaning.faces[index] >= 0:
            mine.append(self._image(index))
        sides: list[Any] = [[mine, first.picture]]
        other = next((each.other for each in proposals if each.kind in _REPEATED), "")
        if other:
            sides.append([[self._image(self.place[other], whole=True)], other])
        sides.append(self._identity(first.identity, without=index))
        target = next((each.target for each in proposals if each.target), "")
        if target:
            sides.append(self._identity(target))
        return {
            "key": f"picture {first.picture}",
            "title": first.picture,
            "picture": first.picture,
            "other": other,
            "target": target,
            "reasons": reasons,
            "sides": sides,
        }


def _cards(cleaning: Cleaning) -> list[list[Proposal]]:
    """Return proposals that are decided together: all about one picture, or one about a pair."""
    found: dict[tuple[str, ...], list[Proposal]] = {}
    for each in cleaning.proposals:
        key = (each.picture,) if each.picture else (each.identity, each.target)
        found.setdefault(key, []).append(each)
    return list(found.values())


def _drawn(cleaning: Cleaning, max_pixels: int) -> Callable[[int], dict[bool, str]]:
    """Return a function that gives the face and the whole of a picture as URLs."""

    def draw(index: int) -> dict[bool, str]:
        tree, face = cleaning.tree, int(cleaning.faces[index])
        try:
            image = read_image(tree.path(tree.pictures[index]), max_pixels=max_pixels)
        except ImageError:  # the page says that it cannot be read
            return {}
        found = {True: data_url(shrink(image, _WHOLE))}
        if face >= 0:
            found[False] = data_url(face_crop(image, cleaning.table.boxes[face]))
        return found

    return draw


def write_pages(
    folder: Path,
    cleaning: Cleaning,
    *,
    most: int,
    max_pixels: int,
    progress: Callable[[int], None],
) -> tuple[list[Path], int]:
    """Write ``review.html``, ``review-2.html`` ... of the most important proposals.

    most: pages.  progress: called with a number of pages.

    Returns the pages, and how many pictures or pairs to decide about are on none.
    """
    cards = _cards(cleaning)
    pages = [cards[start : start + _CARDS] for start in range(0, len(cards), _CARDS)][:most]
    left = len(cards) - sum(map(len, pages))
    digest = hashlib.sha256(str(cleaning.tree.root).encode("utf-8", "surrogateescape")).hexdigest()
    draw = _drawn(cleaning, max_pixels)
    template = _TEMPLATE.read_text("utf-8")
    written = []
    for number, inside in enumerate(pages or [[]], start=1):
        tail = "" if number == 1 else f"-{number}"
        page = _Page(cleaning)
        record: dict[str, Any] = {
            "root": str(cleaning.tree.root),
            "id": digest[:16],
            "file": f"decisions{tail}.json",
            "more": _more(number, len(pages), left),
            "cards": [page.card(proposals) for proposals in inside],
        }
        indices = sorted({image.index for image in page.images})
        urls = dict(zip(indices, default_runtime().map(draw, indices), strict=True))
        record["images"] = [
            [urls[image.index].get(image.whole, ""), image.whole] for image in page.images
        ]
        # In a script element only "</" and "<!--" could end the data early.
        text = json.dumps(record).replace("<", "\\u003c")
        path = folder / f"review{tail}.html"
        with writing(path) as file:
            file.write(template.replace("__DATA__", text).encode())
        written.append(path)
        progress(1)
    return written, left


def _more(number: int, pages: int, left: int) -> str:
    parts = [f"Page {number} of {pages}: each saves its own decisions."] if pages > 1 else []
    if left:
        parts.append(
            f"{left} more are in proposals.csv only: apply these, and look at the new tree."
        )
    return " ".join(parts)
