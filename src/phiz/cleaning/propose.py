"""From a folder per person to proposals: look at every picture, then judge them all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from phiz.checks import F64, I64
from phiz.cleaning.duplicates import Duplicates, find_duplicates
from phiz.cleaning.faces import areas, choose_faces
from phiz.cleaning.labels import LabelRanking, rank_labels
from phiz.cleaning.measures import Measures, measure
from phiz.cleaning.merges import MergeRanking, rank_merges
from phiz.cleaning.proposals import Proposal, Proposals, csv_text
from phiz.cleaning.spread import centred, euclidean_limit
from phiz.cleaning.tree import Tree, identity_of, read_tree
from phiz.errors import ImageError, OptionError
from phiz.facecache import FaceCache
from phiz.pipeline import Recipe, make_recipe, run
from phiz.runtime import Runtime, default_runtime
from phiz.table import FaceTable, Picture

__all__ = ["CleanOptions", "Cleaning", "examine", "judge", "propose"]

_NOTHING = Measures(None, ())


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """Where proposals begin.

    bits: pictures whose hashes differ in at most this many of 256 bits are the same picture.
    near: faces nearer than this part of the distance that tells two people apart are of the same
        photograph.
    merges: at most this many pairs of identities are proposed.
    smallest: faces with a shorter side, in pixels, are small.
    sharpest: faces with less sharpness are blurred; see :func:`phiz.cleaning.measures.sharpness`.

    Raises OptionError for numbers out of range.
    """

    bits: int = 40
    near: float = 0.35
    merges: int = 200
    smallest: float = 60
    sharpest: float = 20

    def __post_init__(self) -> None:
        ranges = {"bits": (0, 128), "near": (1e-3, 1), "merges": (0, 1_000_000),
                  "smallest": (0, 1e6), "sharpest": (0, 1e6)}  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{name}: wanted {low:g} to {high:g}, found {value}")


@dataclass(frozen=True, slots=True, eq=False)
class Cleaning:
    """What :func:`propose` found.

    tree: the data set.  table: every face of its pictures.
    proposals: what could be done.
    identities: names of the k identities.  faces: (p,) int64, the row of the face that stands for
    each picture, or -1.  ranked: (n,) int64, the pictures that have a face, as rows of ``labels``.
    labels: how surely each label is wrong.
    """

    tree: Tree
    table: FaceTable
    proposals: Proposals
    identities: tuple[str, ...]
    faces: I64
    ranked: I64
    labels: LabelRanking

    @property
    def ranking(self) -> list[str]:
        """Pictures with a face, from the most suspicious label to the least."""
        return [self.tree.pictures[index] for index in self.ranked[self.labels.order].tolist()]

    def ranking_csv(self) -> str:
        """Return the whole ranked list as CSV, with the numbers behind each score."""
        names = self.tree.pictures
        head = ["picture", "identity", "score", "own", "other", "nearest", "distance", "outside"]
        lines: list[list[object]] = [[*head, "x0", "y0", "x1", "y1"]]
        labels = self.labels
        for row in labels.order.tolist():
            index = int(self.ranked[row])
            numbers = (labels.score[row], labels.own[row], labels.other[row])
            nearest = int(labels.nearest[row])
            lines.append(
                [names[index], identity_of(names[index]),
                 *(f"{value:.6g}" if np.isfinite(value) else "" for value in numbers),
                 self.identities[nearest] if nearest >= 0 else "",
                 f"{labels.distance[row]:.6g}", int(labels.outside[row]),
                 *(f"{side:g}" for side in self.table.boxes[self.faces[index]].tolist())]
            )  # fmt: skip
        return csv_text(lines)


def examine(
    tree: Tree,
    recipe: Recipe,
    *,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
) -> Iterator[tuple[FaceTable, Measures]]:
    """Yield the faces and measures of each picture of a tree, in its order.

    cache: remembers both, so that a run that was stopped goes on.  A picture that cannot be read
    gives an empty table whose ``pictures[0].error`` says why.
    """
    shared = runtime or default_runtime()

    def look(table: FaceTable) -> tuple[FaceTable, Measures]:
        picture = table.pictures[0]
        if picture.error is not None:
            return table, _NOTHING
        path = tree.path(picture.source)
        try:
            return table, measure(path, table, max_pixels=recipe.max_pixels, cache=cache)
        except ImageError as error:  # it could be read a moment ago
            failed = Picture(picture.source, error=str(error))
            return FaceTable.of_picture(failed, settings_hash=recipe.settings_hash), _NOTHING

    found = run((tree.path(name) for name in tree.pictures), recipe, cache=cache, runtime=shared)
    named = (table.rename(name) for name, table in zip(tree.pictures, found, strict=True))
    yield from shared.stream(look, named)


def propose(
    directory: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    options: CleanOptions | None = None,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
) -> Cleaning:
    """Say what could be cleaned in a data set with a folder per person; changes nothing.

    directory: its folders are the identities; pictures in folders inside them are theirs.
    recipe: the models, by default dlib's; it wants a descriptor model.
    options: where proposals begin.  cache: remembers what was found in pictures.

    Raises OptionError for a folder without pictures of people.  Pictures that cannot be read become
    proposals of kind "unreadable".
    """
    tree = read_tree(directory)
    recipe = recipe or make_recipe(runtime=runtime)
    looked = list(examine(tree, recipe, cache=cache, runtime=runtime))
    return judge(tree, [table for table, _ in looked], [found for _, found in looked], options)


def judge(
    tree: Tree,
    tables: Sequence[FaceTable],
    measures: Sequence[Measures],
    options: CleanOptions | None = None,
) -> Cleaning:
    """Make proposals of what :func:`examine` found in the pictures of a tree.

    Raises OptionError where there is no picture, or faces were not described.
    """
    if not tables:
        raise OptionError(f"{tree.root}: no pictures in folders of persons")
    chosen = options or CleanOptions()
    table = FaceTable.concat(_alike(tables))
    if len(table) and table.descriptors is None:
        raise OptionError("cleaning compares faces: name a descriptor model")
    return _Judge(tree, table, measures, chosen).cleaning()


def _alike(tables: Sequence[FaceTable]) -> list[FaceTable]:
    """Return tables that can be stacked: those of unreadable pictures are made like the others."""
    like = next((table for table in tables if table.pictures[0].error is None), tables[0])
    none = like[np.zeros(0, np.int64)]
    return [
        replace(none, pictures=table.pictures) if table.pictures[0].error is not None else table
        for table in tables
    ]


class _Judge:
    """The columns that proposals are made of, computed once."""

    def __init__(
        self, tree: Tree, table: FaceTable, measures: Sequence[Measures], options: CleanOptions
    ) -> None:
        self.tree, self.table, self.measures, self.options = tree, table, measures, options
        self.names = tree.pictures
        self.identities = tree.identities
        number = {name: index for index, name in enumerate(self.identities)}
        self.identity = np.array([number[identity_of(name)] for name in self.names], np.int64)
        vectors = table.descriptors
        bare = np.zeros((0, 1), np.float32) if vectors is None else vectors
        self.wide = centred(bare, table.metric)
        limit = euclidean_limit(table.threshold, table.metric)
        self.faces = choose_faces(table, self.wide, self.identity, limit)
        self.ranked = np.flatnonzero(self.faces >= 0)
        mine = self.identity[self.ranked]
        described = bare[self.faces[self.ranked]]
        self.labels = rank_labels(
            described,
            mine,
            metric=table.metric,
            threshold=table.threshold,
            identities=len(self.identities),
        )
        self.merges = rank_merges(
            centred(described, table.metric),
            mine,
            self.labels.spread,
            most=options.merges,
            metric=table.metric,
        )
        self.row = np.full(len(self.names), -1, np.int64)
        self.row[self.ranked] = np.arange(len(self.ranked))

    def cleaning(self) -> Cleaning:
        rows = [*self._merged(), *self._labelled(), *self._repeated(), *self._looked_at()]
        return Cleaning(
            self.tree, self.table, Proposals(rows), self.identities, self.faces, self.ranked,
            self.labels,
        )  # fmt: skip

    def _shown(self, distance: float) -> float:
        """Return a Euclidean distance in the metric of the descriptors."""
        return distance**2 / 2 if self.table.metric == "cosine" else distance

    def _box(self, index: int) -> tuple[float, ...] | None:
        face = int(self.faces[index])
        return None if face < 0 else tuple(self.table.boxes[face].tolist())

    def _proposed(self) -> I64:
        """Return the merges that are proposed, as rows."""
        return np.flatnonzero(self.merges.score > 0)

    def _merged(self) -> Iterator[Proposal]:
        found: MergeRanking = self.merges
        medoids = self.ranked[self.labels.medoids] if len(self.ranked) else self.labels.medoids
        sizes = np.bincount(self.identity, minlength=len(self.identities))
        for row in self._proposed().tolist():
            one, other = found.pairs[row].tolist()
            name, target = self.identities[one], self.identities[other]
            yield Proposal(
                "merge",
                "merge",
                float(found.score[row]),
                f"{name} and {target} are on average {found.mean[row]:.2f} apart, their nearest "
                f"pictures {found.nearest[row]:.2f}",
                name,
                other=self.names[int(medoids[other])],
                target=target,
                values={
                    "mean": float(found.mean[row]),
                    "nearest": float(found.nearest[row]),
                    "evidence": float(found.evidence[row]),
                    "pictures": int(sizes[one]),
                    "target_pictures": int(sizes[other]),
                },
            )

    def _labelled(self) -> Iterator[Proposal]:
        labels = self.labels
        pairs = self.merges.pairs[self._proposed()].tolist()
        merged = {frozenset(pair) for pair in pairs}
        sizes = np.bincount(self.identity[self.ranked])
        for row in np.flatnonzero(labels.score > 0).tolist():
            index, nearest = int(self.ranked[row]), int(labels.nearest[row])
            own = int(self.identity[index])
            moves = labels.other[row] > 0
            outside = bool(labels.outside[row])
            if moves and not outside and frozenset((own, nearest)) in merged:
                continue  # that the two are one person says it
            name, target = self.identities[own], self.identities[nearest] if moves else ""
            medoid = int(self.ranked[labels.medoids[nearest if moves else own]])
            where = f"the medoid of {name}" if sizes[own] > 2 else f"the other picture of {name}"
            reason = f"{labels.distance[row]:.2f} from {where}"
            reason += ", outside of its main cluster" if outside else ""
            reason += f"; more like {target}" if moves else "; like nobody else here"
            yield Proposal(
                "label",
                "move" if moves else "drop",
                float(labels.score[row]),
                reason,
                name,
                picture=self.names[index],
                other=self.names[medoid],
                target=target,
                box=self._box(index),
                values={
                    "distance": float(labels.distance[row]),
                    "own_evidence": float(labels.own[row]),
                    "other_evidence": float(labels.other[row]),
                    "outside": int(outside),
                },
            )

    def _worth(self) -> F64:
        """Return what each picture is worth: pixels, but less than any other if mislabelled."""
        pixels = np.array([each.width * each.height for each in self.table.pictures], np.float64)
        wrong = self.ranked[self.labels.score > 0]
        pixels[wrong] -= 1e12
        return pixels

    def _repeated(self) -> Iterator[Proposal]:
        limit = self.labels.spread.limit
        found: Duplicates = find_duplicates(
            [each.content_hash for each in self.table.pictures],
            [each.hash for each in self.measures],
            self.wide,
            self.faces,
            self._worth(),
            bits=self.options.bits,
            near=self.options.near * limit,
            apart=limit,
        )
        for row in range(len(found)):
            index, other = int(found.picture[row]), int(found.other[row])
            bits, distance = int(found.bits[row]), self._shown(float(found.distance[row]))
            name, theirs = identity_of(self.names[index]), identity_of(self.names[other])
            if found.exact[row]:
                reason, score = f"the same file as {self.names[other]}", 1.0
            elif 0 <= bits <= self.options.bits:
                reason = f"the same picture as {self.names[other]}: {bits} of 256 bits differ"
                score = 1 - bits / 256
            else:
                reason = (
                    f"of the same photograph as {self.names[other]}: faces {distance:.2f} apart"
                )
                score = 1 - float(found.distance[row]) / limit
            reason += f", in the folder of {theirs}" if theirs != name else ""
            yield Proposal(
                "duplicate" if found.exact[row] else "near-duplicate",
                "drop",
                score,
                reason,
                name,
                picture=self.names[index],
                other=self.names[other],
                box=self._box(index),
                values={"bits": bits if bits >= 0 else float("nan"), "distance": distance},
            )

    def _looked_at(self) -> Iterator[Proposal]:
        """Yield what pictures say each for itself."""
        counts = np.bincount(self.table.picture, minlength=len(self.names))
        rows_of = np.split(np.arange(len(self.table)), np.cumsum(counts)[:-1])
        size = areas(self.table)
        for index, picture in enumerate(self.table.pictures):
            name, face = self.names[index], int(self.faces[index])
            identity = identity_of(name)
            if picture.error is not None:
                yield Proposal("unreadable", "drop", 1.0, picture.error, identity, name)
            elif face < 0:
                yield Proposal("no-face", "drop", 1.0, "no face was found", identity, name)
            else:
                box = self._box(index)
                rows = rows_of[index]
                if len(rows) > 1:
                    yield self._several(index, rows, size)
                sharp = self.measures[index].sharpness[int(self.table.rank[face])]
                if sharp < self.options.sharpest:
                    yield Proposal(
                        "blur", "drop", 1 - sharp / self.options.sharpest,
                        f"sharpness {sharp:.1f} of the face, below {self.options.sharpest:g}",
                        identity, name, box=box, values={"sharpness": sharp},
                    )  # fmt: skip
                side = float((self.table.boxes[face, 2:] - self.table.boxes[face, :2]).min())
                if side < self.options.smallest:
                    yield Proposal(
                        "small", "drop", 1 - side / self.options.smallest,
                        f"the face is {side:.0f} pixels wide or high, below "
                        f"{self.options.smallest:g}",
                        identity, name, box=box, values={"side": side},
                    )  # fmt: skip

    def _several(self, index: int, rows: I64, size: F64) -> Proposal:
        face = int(self.faces[index])
        others = rows[rows != face]
        ratio = float(size[others].max() / max(size[face], 1e-9))
        labels, name = self.labels, self.names[index]
        medoid = self.faces[self.ranked[labels.medoids[self.identity[index]]]]
        apart = np.linalg.norm(self.wide[rows] - self.wide[medoid], axis=1)
        mine = self._shown(float(apart[rows == face][0]))
        next_best = self._shown(float(apart[rows != face].min()))
        reason = (
            f"{len(rows)} faces; the one that is {mine:.2f} from the medoid was taken, the next is "
            f"{next_best:.2f} from it"
        )
        return Proposal(
            "several-faces", "keep", ratio, reason, identity_of(name), name, box=self._box(index),
            values={"faces": len(rows), "distance": mine, "next": next_best},
        )  # fmt: skip
