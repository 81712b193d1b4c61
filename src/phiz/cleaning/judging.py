"""From what is known of every picture to proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from phiz.checks import F64, I64
from phiz.cleaning.duplicates import Duplicates, find_duplicates
from phiz.cleaning.faces import areas, choose_faces
from phiz.cleaning.labels import rank_labels
from phiz.cleaning.measures import Measures
from phiz.cleaning.merges import MergeRanking, rank_merges
from phiz.cleaning.proposals import Proposal, Proposals
from phiz.cleaning.result import Cleaning, CleanOptions
from phiz.cleaning.spread import centred, euclidean_limit
from phiz.cleaning.tree import Tree, identity_of
from phiz.errors import OptionError
from phiz.table import FaceTable

__all__ = ["STEPS", "judge"]

STEPS = 5
"""Steps of :func:`judge`: faces, labels, merges, duplicates, and single pictures."""


def judge(
    tree: Tree,
    tables: Sequence[FaceTable],
    measures: Sequence[Measures],
    options: CleanOptions | None = None,
    *,
    progress: Callable[[int], None] = lambda _steps: None,
) -> Cleaning:
    """Make proposals of what :func:`examine` found in the pictures of a tree.

    progress: called with numbers of steps, ``STEPS`` in all.

    Raises OptionError where there is no picture, or faces were not described.
    """
    if not tables:
        raise OptionError(f"{tree.root}: no pictures in folders of persons")
    chosen = options or CleanOptions()
    table = FaceTable.concat(_alike(tables))
    if len(table) and table.descriptors is None:
        raise OptionError("cleaning compares faces: name a descriptor model")
    return _Judge(tree, table, measures, chosen, progress).cleaning()


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
        self,
        tree: Tree,
        table: FaceTable,
        measures: Sequence[Measures],
        options: CleanOptions,
        progress: Callable[[int], None],
    ) -> None:
        self.progress = progress
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
        progress(1)
        mine = self.identity[self.ranked]
        described = bare[self.faces[self.ranked]]
        self.labels = rank_labels(
            described,
            mine,
            metric=table.metric,
            threshold=table.threshold,
            identities=len(self.identities),
        )
        progress(1)
        self.merges = rank_merges(
            centred(described, table.metric),
            mine,
            self.labels.spread,
            most=options.merges,
            metric=table.metric,
        )
        progress(1)

    def cleaning(self) -> Cleaning:
        rows = [*self._merged(), *self._labelled(), *self._repeated()]
        self.progress(1)
        rows += self._looked_at()
        self.progress(1)
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
