"""Make the activation ranges that int8 needs, and measure what int8 costs.

    python tools/calibrate_int8.py MODEL ... --pictures FOLDER ... [--lfw FOLDER]

MODEL: a descriptor's name, or a weight file.  --pictures: folders whose faces the ranges are taken
from; none of them may be in a set that descriptors are evaluated on.  --lfw: a folder with LFW's
``images`` and its development pairs, ``pairsDevTrain.txt`` and ``pairsDevTest.txt``, on which
decisions are compared with float32's; ranges do not depend on it.

Writes ``src/phiz/data/int8/HASH.json``, HASH being the start of the weights' hash.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import phiz
from phiz import store
from phiz.backends.ort import OrtSession, compile_graph, compile_int8
from phiz.builders_faceapi import TfjsFile
from phiz.formats.dlib_net import search_architectures
from phiz.formats.int8_ranges import Cost, read_ranges
from phiz.formats.tfjs import read_tfjs
from phiz.geometry import ChipSpec
from phiz.graph.graph import Graph
from phiz.graph.int8_passes import Place, prepare, rounded_values
from phiz.graph.ops import Op
from phiz.imaging import is_picture_name
from phiz.nets import ARCHITECTURES, PixelSpec
from phiz.values import Faces
from phiz.zoo import Entry, find_by_hash, find_entry

TARGET = Path(__file__).parents[1] / "src/phiz/data/int8"
BINS = 512  # of a histogram, on each side of zero
MOST = 4000  # numbers of a channel that one batch adds to its histogram
MIDDLE = (np.arange(2 * BINS) + 0.5 - BINS) / BINS  # of the bins
MARGIN = 0.1  # of what was seen, for what was not
WORTH = 0.25  # an addition for each number is worth a quarter of the squared error
BATCH = 16
DIGITS = 4


@dataclass(frozen=True)
class Model:
    """A descriptor's network: its entry, its graph, and the pixels it takes if not bytes."""

    entry: Entry
    weights: str
    graph: Graph
    pixels: PixelSpec | None

    def feeds(self, chips: np.ndarray) -> dict[str, np.ndarray]:
        if self.pixels is None:
            return {"image": chips}
        centred = chips.astype(np.float32) - np.array(self.pixels.mean, np.float32)
        return {"pixels": centred * np.float32(self.pixels.scale)}

    def describe(self, session: OrtSession, chips: np.ndarray) -> np.ndarray:
        with ThreadPoolExecutor(2) as threads:
            parts = [chips[at : at + BATCH] for at in range(0, len(chips), BATCH)]
            found = threads.map(lambda part: session.run(self.feeds(part)), parts)
            return np.concatenate([next(iter(one.values())).reshape(-1, 128) for one in found])


def open_model(name: str) -> Model:
    entry, path = find_entry(name), Path(name)
    if entry is not None:
        path = store.require(entry).path
    if path.is_dir() or store.is_manifest(path):
        file = TfjsFile.of(entry, read_tfjs(path))
        (graph,) = file.networks().graphs
        return Model(file.known, file.weights.digest, graph, file.pixels)
    data = store.read_weights(path)
    weights = store.sha256_of(data)
    entry = entry or find_by_hash(weights)
    if entry is None or entry.architecture is None:
        raise SystemExit(f"{path} is no descriptor that is known")
    match = search_architectures(data, str(path), [ARCHITECTURES[entry.architecture]])
    return Model(entry, weights, match.nets[0].graph, None)


class Cutter:
    """Cuts chips of faces."""

    def __init__(self) -> None:
        self.detect = phiz.load("dlib-hog-frontal")
        self.points = {
            "dlib": phiz.load("dlib-landmarks-5"),
            "faceapi-align": phiz.load("dlib-landmarks-68"),
        }

    def cut(self, image: np.ndarray, faces: Faces, spec: ChipSpec) -> np.ndarray:
        landmarks = self.points[spec.kind](image, faces)
        boxes = None if spec.kind == "dlib" else faces
        chips = phiz.align(image, landmarks, chip=spec, boxes=boxes)
        return np.clip(np.rint(chips), 0, 255).astype(np.uint8)

    def central(self, path: Path, spec: ChipSpec) -> np.ndarray:
        """Cut the face that is nearest the middle, or the middle itself."""
        image = phiz.read_image(path)
        height, width = image.shape[:2]
        boxes = self.detect(image).boxes
        if not len(boxes):
            quarter = np.array([width, height, 3 * width, 3 * height], np.float32) / 4
            boxes = quarter[None]
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array([width, height]) / 2
        nearest = int((middle**2).sum(axis=1).argmin())
        face = Faces(boxes[nearest : nearest + 1].astype(np.float32), np.ones(1, np.float32))
        return self.cut(image, face, spec)[0]


def varied(chips: np.ndarray) -> np.ndarray:
    """Return chips, their mirror images, and chips of other brightness and contrast."""
    random = np.random.default_rng(0)
    gain = random.uniform(0.6, 1.4, len(chips))[:, None, None, None]
    shift = random.uniform(-30, 30, len(chips))[:, None, None, None]
    other = np.clip(chips * gain + shift, 0, 255).astype(np.uint8)
    return np.concatenate([chips, chips[:, :, ::-1], other])


def seen(graph: Graph, name: str) -> str:
    """Return where a value is read: behind maxima, large numbers are more frequent."""
    readers = graph.readers(name)
    pooled = len(readers) == 1 and readers[0].op is Op.MAX_POOL
    return seen(graph, readers[0].name) if pooled else name


@dataclass(frozen=True)
class Seen:
    """What a value's channels were: the largest magnitude, a histogram up to it, how many zeros."""

    most: np.ndarray
    counts: np.ndarray
    zeros: np.ndarray

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest number of each channel."""
        full = self.counts > 0
        first, last = full.argmax(axis=1), 2 * BINS - full[:, ::-1].argmax(axis=1)
        return (first - BINS) / BINS * self.most, (last - BINS) / BINS * self.most

    @property
    def deviation(self) -> np.ndarray:
        middle = np.broadcast_to(MIDDLE, self.counts.shape)
        weights = self.counts + 1e-9
        mean = np.average(middle, axis=1, weights=weights)
        spread = np.average((middle - mean[:, None]) ** 2, axis=1, weights=weights)
        return np.sqrt(spread) * self.most


def look(model: Model, graph: Graph, chips: np.ndarray, names: Sequence[str]) -> dict[str, Seen]:
    session = compile_graph(graph, threads=2, fold=False, outputs=names)

    def runs() -> Iterator[Mapping[str, np.ndarray]]:
        for at in range(0, len(chips), BATCH):
            yield session.run(model.feeds(chips[at : at + BATCH]))

    most: dict[str, np.ndarray] = {}
    for values in runs():
        for name in names:
            found = np.abs(values[name]).max(axis=(0, 2, 3))
            most[name] = np.maximum(most.get(name, 0), found)
    counts = {name: np.zeros((len(most[name]), 2 * BINS)) for name in names}
    zeros = {name: np.zeros(len(most[name])) for name in names}
    for values in runs():
        for name in names:
            channels = len(most[name])
            rows = values[name].transpose(1, 0, 2, 3).reshape(channels, -1)
            rows = rows[:, :: max(1, rows.shape[1] // MOST)]
            share = rows / np.maximum(most[name], 1e-9)[:, None]
            bins = np.clip((share * BINS + BINS).astype(np.int64), 0, 2 * BINS - 1)
            bins += np.arange(channels)[:, None] * 2 * BINS
            found = np.bincount(bins.ravel(), minlength=channels * 2 * BINS)
            counts[name] += found.reshape(channels, 2 * BINS)
            zeros[name] += (rows == 0).sum(axis=1)
    return {name: Seen(most[name], counts[name], zeros[name]) for name in names}


def best_limits(place: Place, found: Seen) -> np.ndarray:
    """Return of each channel the limit that keeps the squared error least: rounding and cutting.

    Zeros are left out: every grid has them.
    """
    counts = found.counts.copy()
    counts[:, BINS] -= found.zeros
    levels = 127 if place.signed else 255
    best, least = np.ones(len(counts)), np.full(len(counts), np.inf)
    for share in np.linspace(1, 0.15, 52):
        beyond = np.maximum(np.abs(MIDDLE) - share, 0)
        error = counts @ np.where(beyond > 0, beyond**2, (share / levels) ** 2 / 12)
        best = np.where(error < least, share, best)
        least = np.minimum(error, least)
    return best * found.most


def best_lows(place: Place, found: Seen, limits: np.ndarray) -> np.ndarray | None:
    """Return the least number of each channel, if levels that begin there are much finer.

    The measure is the error of rounding in parts of what a channel varies by.
    """
    low, high = found.edges
    low = low - MARGIN * (high - low)
    if not place.signed:
        low = np.maximum(low, 0)
    alive = found.deviation > 1e-6 * found.most.max()
    if not place.free or not alive.any():
        return None
    usual = limits / (127 if place.signed else 255)
    finer = (limits - low) / 255
    varies = found.deviation[alive]
    before, after = (((step[alive] / varies) ** 2).sum() for step in (usual, finer))
    return low if after < WORTH * before else None


def decisions(
    folder: Path, cutter: Cutter, spec: ChipSpec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chips of LFW's development pairs, the pairs (n, 2), and which are one person."""
    named, same = [], []
    for file in ("pairsDevTrain.txt", "pairsDevTest.txt"):
        for line in (folder / file).read_text().splitlines()[1:]:
            first, *rest = line.split()
            same.append(len(rest) == 2)
            named.append([(first, rest[0]), (first if len(rest) == 2 else rest[1], rest[-1])])
    names = sorted({picture for pair in named for picture in pair})
    pairs = np.array([[names.index(picture) for picture in pair] for pair in named])
    with ThreadPoolExecutor(2) as threads:
        images = folder / "images"
        paths = [images / name / f"{name}_{int(number):04d}.jpg" for name, number in names]
        chips = list(threads.map(lambda path: cutter.central(path, spec), paths))
    return np.stack(chips), pairs, np.array(same)


def costs(
    model: Model,
    limits: Mapping[str, np.ndarray],
    lows: Mapping[str, np.ndarray],
    tried: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> list[Cost]:
    """Return what int8 costs with weights of 8 and of 7 bits."""
    chips, pairs, same = tried
    threshold = model.entry.threshold or 0.0

    def distances(session: OrtSession) -> np.ndarray:
        found = model.describe(session, chips)
        return np.linalg.norm(found[pairs[:, 0]] - found[pairs[:, 1]], axis=1)

    before = distances(compile_graph(model.graph, threads=1))
    found = []
    for bits in (8, 7):
        after = distances(compile_int8(model.graph, limits, lows, full=bits == 8))
        found.append(
            Cost(
                data="LFW's development pairs",
                bits=bits,
                pairs=len(pairs),
                threshold=threshold,
                changed=int(((before < threshold) != (after < threshold)).sum()),
                distance=round(float(np.sqrt(((after - before) ** 2).mean())), DIGITS),
                before=round(float(((before < threshold) == same).mean()), 6),
                after=round(float(((after < threshold) == same).mean()), 6),
            )
        )
    return found


def rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pictures", nargs="+", type=Path, required=True)
    parser.add_argument("--lfw", type=Path)
    asked = parser.parse_args()
    paths = sorted(
        path
        for folder in asked.pictures
        for path in folder.rglob("*")
        if is_picture_name(path.name)
    )
    cutter = Cutter()
    pictures = []  # with faces
    for path in paths:
        image = phiz.read_image(path)
        faces = cutter.detect(image, upsample=1)
        if len(faces):
            pictures.append((path, image, faces))
    digest = hashlib.sha256()
    for path, _, _ in pictures:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    tried: dict[ChipSpec, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name in asked.models:
        model = open_model(name)
        spec = model.entry.chip
        assert spec is not None
        chips = np.concatenate([cutter.cut(image, faces, spec) for _, image, faces in pictures])
        graph = prepare(model.graph)
        places = rounded_values(graph)
        read = {key: seen(graph, key) for key in places}
        found = look(model, graph, varied(chips), list(dict.fromkeys(read.values())))
        limits, lows = {}, {}
        for key, place in places.items():
            best = rounded(best_limits(place, found[read[key]]))
            limits[key] = np.array(best, np.float32)
            low = best_lows(place, found[read[key]], limits[key])
            if low is not None:
                lows[key] = np.array(rounded(low), np.float32)
        print(f"{model.entry.name}: lows of {', '.join(lows) or 'nothing'}")
        record = {
            "schema": 1,
            "model": model.entry.name,
            "weights": model.weights,
            "made_from": {
                "pictures": len(pictures),
                "sha256": digest.hexdigest(),
                "faces": len(chips),
                "chips": 3 * len(chips),
            },
            "costs": [],
            "lows": {key: rounded(value) for key, value in lows.items()},
            "limits": {key: rounded(value) for key, value in limits.items()},
        }
        if asked.lfw:
            if spec not in tried:
                tried[spec] = decisions(asked.lfw, cutter, spec)
            measured = costs(model, limits, lows, tried[spec])
            record["costs"] = [asdict(one) for one in measured]
            for one in measured:
                print(f"{model.entry.name}: {one}")
        target = TARGET / f"{model.weights[:16]}.json"
        text = json.dumps(record) + "\n"
        read_ranges(text.encode(), str(target))
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        print(f"{target}: {len(text)} bytes, {len(chips)} faces in {len(pictures)} pictures")


if __name__ == "__main__":
    main()
