"""A million faces to people, and ten thousand against dlib's Chinese whispers.

    python benchmarks/clustering.py [--faces 1000000] [--people 50000] [--skewed] [--exact]
    python benchmarks/clustering.py --dlib --faces 10000 --people 500

Vectors are made up: people, and the faces of each, are normal, with the covariances of dlib's
descriptors of Labeled Faces in the Wild (``lfw_covariances.npz``, made of 4,965 faces; the people
with two pictures or more give the covariance of one person's faces).  BCubed F is that of all faces
of 1,000 people, in clusters of all faces.  ``PHIZ_THREADS`` and ``OPENBLAS_NUM_THREADS`` say how
many threads; the second run wants the dlib-bin wheel in this environment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from phiz.clustering import label_faces, link_faces
from phiz.clustering.linking import graph_of_nearest
from phiz.clustering.nearest import Nearest, nearest_in, nearest_neighbours, prepared

FITTED = Path(__file__).parent / "lfw_covariances.npz"
SCORED = 1000  # people


def _factor(triangle: np.ndarray) -> np.ndarray:
    """Return a matrix that gives normal vectors this covariance."""
    full = np.zeros((128, 128))
    full[np.triu_indices(128)] = triangle
    values, vectors = np.linalg.eigh(full + np.triu(full, 1).T)
    return (vectors * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)


def make(sizes: np.ndarray, path: Path, seed: int) -> None:
    """Write vectors.npy and people.npy: so many faces of each person, in random order."""
    fitted = np.load(FITTED)
    random = np.random.default_rng(seed)
    centres = random.standard_normal((len(sizes), 128), dtype=np.float32)
    centres = centres @ _factor(fitted["between"]) + fitted["mean"]
    people = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(people)
    within = _factor(fitted["within"])
    shape = (len(people), 128)
    vectors = np.lib.format.open_memmap(path / "vectors.npy", "w+", np.float32, shape)
    for top in range(0, len(people), 1 << 16):
        part = people[top : top + (1 << 16)]
        noise = random.standard_normal((len(part), 128), dtype=np.float32)
        vectors[top : top + len(part)] = centres[part] + noise @ within
    np.save(path / "people.npy", people)


def skewed(faces: int, people: int) -> np.ndarray:
    """Return sizes as albums have them: most people are seen once or twice, some very often."""
    sizes = np.minimum(np.random.default_rng(5).zipf(1.6, 4 * people), 2000)
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), faces) + 1]
    sizes[-1] -= sizes.sum() - faces
    return sizes


def bcubed(labels: np.ndarray, people: np.ndarray, rows: np.ndarray) -> float:
    """Return the BCubed F of some faces, all faces counting as their companions."""
    keys = labels * (people.max() + 1) + people
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    both = counts[which]
    precision = (both / np.bincount(labels)[labels])[rows].mean()
    recall = (both / np.bincount(people)[people])[rows].mean()
    return float(2 * precision * recall / (precision + recall))


def million(options: argparse.Namespace) -> None:
    even = np.full(options.people, options.faces // options.people)
    sizes = skewed(options.faces, options.people) if options.skewed else even
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        making = multiprocessing.get_context("spawn").Process(
            target=make, args=(sizes, path, options.seed)
        )
        making.start()  # its memory is not counted
        making.join()
        vectors = np.load(path / "vectors.npy", mmap_mode="r")
        people = np.load(path / "people.npy")
        start, processor = time.perf_counter(), time.process_time()
        linked = link_faces(vectors, threshold=options.threshold, neighbours=options.neighbours)
        graph, graph_processor = time.perf_counter(), time.process_time()
        labels = label_faces(linked)
        end, end_processor = time.perf_counter(), time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows = np.isin(people, np.random.default_rng(0).choice(len(sizes), SCORED, replace=False))
        found = bcubed(labels, people, rows)
        print(
            f"{len(people)} vectors of {len(sizes)} people, threshold {linked.threshold:.3f}, "
            f"{linked.neighbours} neighbours: graph {graph - start:.0f} s, whispers "
            f"{end - graph:.0f} s (processor {graph_processor - processor:.0f} and "
            f"{end_processor - graph_processor:.0f} s), {peak:.2f} GiB at most; recall "
            f"{linked.recall:.4f}; {labels.max() + 1} clusters; BCubed F {found:.4f}",
            flush=True,
        )
        if not options.exact:
            return
        # The same run, but that the scored faces have their true neighbours.
        nearest = nearest_neighbours(vectors, linked.neighbours or 16, linked.threshold)
        moved, _ = prepared(vectors, "euclidean")
        asked = np.flatnonzero(rows)
        far, near = nearest_in(
            moved[asked], moved, nearest.names.shape[1], linked.threshold**2, names=asked
        )
        names, distances = nearest.names.copy(), nearest.distances.copy()
        names[asked], distances[asked] = near, np.sqrt(far)
        exact = replace(linked, graph=graph_of_nearest(Nearest(names, distances)))
        true = bcubed(label_faces(exact), people, rows)
        print(f"with the true neighbours of {len(asked)} faces: BCubed F {true:.4f}")


def against_dlib(options: argparse.Namespace) -> None:
    import dlib

    import phiz

    with tempfile.TemporaryDirectory() as folder:
        make(np.full(options.people, options.faces // options.people), Path(folder), options.seed)
        vectors = np.load(Path(folder) / "vectors.npy")
    rows = [dlib.vector(row) for row in vectors.astype(np.float64)]
    phiz.cluster(vectors[:100])
    walls, busy = [], []
    for _ in range(3):
        times = [(time.perf_counter(), time.process_time())]
        ours = phiz.cluster(vectors).tolist()
        times.append((time.perf_counter(), time.process_time()))
        theirs = list(dlib.chinese_whispers_clustering(rows, 0.6))
        times.append((time.perf_counter(), time.process_time()))
        (mine, own), (yours, other) = np.diff(times, axis=0)
        walls.append(yours / mine)
        busy.append(other / own)
        print(
            f"{len(rows)} faces: phiz {mine:.2f} s, dlib {yours:.2f} s (processor {own:.2f} and "
            f"{other:.2f} s); labels {'equal' if ours == theirs else 'differ'}",
            flush=True,
        )
    print(f"median ratio {np.median(walls):.1f} x, of processor time {np.median(busy):.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--neighbours", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skewed", action="store_true", help="people of one face to 2,000")
    parser.add_argument("--exact", action="store_true", help="also with true neighbours")
    parser.add_argument("--dlib", action="store_true", help="against dlib, say with 10,000 faces")
    options = parser.parse_args()
    (against_dlib if options.dlib else million)(options)


if __name__ == "__main__":
    main()
