"""How far pictures of one person lie apart, and people from each other: two numbers.

The model behind the ranking of labels and of merges: people's centres lie around a common centre
with variance ``between`` along every axis, and pictures of a person around theirs with variance
``within``.  What a picture or an identity says of a hypothesis ("this is the person of that
folder", "these folders are one person") is then a log-likelihood ratio, which knows how many
pictures stand behind a mean, where a bare distance does not.  All of its parts are proportional to
the number of axes, so it is given per axis: rankings are the same, and numbers stay small.

Source: the two-covariance model, Brummer and de Villiers 2010, with both covariances round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phiz.checks import F32, F64, I64
from phiz.values import Metric

__all__ = ["Spread", "centred", "euclidean_limit", "fit_spread", "row_blocks"]

_BLOCK = 1 << 23  # numbers in a block of a matrix that is never whole: 64 MB as float64
_PRIOR = 50  # pictures, and people, that the threshold of a model stands for
_WITHIN, _WHOLE = 0.27, 0.96  # dlib's descriptors of LFW: variances over all axes / 0.6 squared
_LEAST = 1e-4  # of the whole variance: no fit says that two pictures or two people are the same


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The two variances, and what is known of each identity.

    within, between: variance along one axis.
    sums: (k, d) float64, the sum of each identity's vectors.  counts: (k,) int64, how many.
    """

    within: float
    between: float
    sums: F64
    counts: I64

    def __post_init__(self) -> None:
        assert self.within > 0
        assert self.between > 0

    def centre(self, sums: F64, counts: F64) -> tuple[F64, F64]:
        """Return where a person's next picture is expected (m, d), and its variance (m,).

        sums, counts: of the pictures that are known, (m, d) and (m,); 0 for an unknown person.
        """
        weight = self.between / (self.within + counts * self.between)
        return weight[:, None] * sums, self.within + self.within * weight

    @property
    def limit(self) -> float:
        """The distance at which two pictures are as likely of one person as of two.

        On LFW with dlib's descriptors it comes to 0.60, the threshold that dlib gives.
        """
        same, different = 2 * self.within, 2 * (self.within + self.between)
        square = np.log(different / same) * same * different / (different - same)
        return float(np.sqrt(square * self.sums.shape[1]))


def centred(vectors: F32, metric: Metric) -> F64:
    """Return vectors (n, d) as float64 around their mean; of length 1 first if cosine counts."""
    wide = vectors.astype(np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        wide /= np.where(lengths > 0, lengths, 1)
    if len(wide):
        wide -= wide.mean(axis=0)
    return wide


def euclidean_limit(threshold: float | None, metric: Metric) -> float:
    """Return a model's threshold as a distance of vectors as :func:`centred` gives them."""
    limit = 0.6 if threshold is None else threshold
    return float(np.sqrt(2 * limit)) if metric == "cosine" else limit


def fit_spread(
    vectors: F64, identity: I64, *, threshold: float | None = None, metric: Metric = "euclidean"
) -> Spread:
    """Estimate both variances from labelled vectors; a few wrong labels hardly move them.

    vectors: (n, d) float64, see :func:`centred`.  identity: (n,) int64, 0 to k - 1.
    threshold: below it the model's authors call two faces one person.  In units of its square the
        variances of LFW stand for 50 pictures and 50 people more: a small set, or one of copies,
        says little about how far pictures of one person lie apart.

    Within: the median over pictures of the squared distance to the mean of the identity's others,
    which is ``within * (1 + 1/m)`` for m others.  Between: what is left of the whole variance.
    """
    count, axes = vectors.shape
    groups = int(identity.max(initial=-1)) + 1
    counts = np.bincount(identity, minlength=groups).astype(np.int64)
    sums = np.zeros((groups, axes))
    np.add.at(sums, identity, vectors)
    others = counts[identity] - 1
    known = others > 0
    whole, within = float((vectors**2).sum()) / max(count * axes, 1), 0.0
    if known.any():
        rest = (sums[identity[known]] - vectors[known]) / others[known, None]
        squares = ((vectors[known] - rest) ** 2).mean(axis=1)
        within = float(np.median(squares / (1 + 1 / others[known])))
    pictures, people = int(known.sum()), int((counts > 0).sum())
    if threshold is not None:
        square = euclidean_limit(threshold, metric) ** 2 / axes
        within = (_PRIOR * _WITHIN * square + pictures * within) / (_PRIOR + pictures)
        whole = (_PRIOR * _WHOLE * square + people * whole) / (_PRIOR + people)
    elif not pictures:
        within = 0.5 * whole
    whole = max(whole, 1e-12)
    within = min(max(within, _LEAST * whole), whole)
    return Spread(within, max(whole - within, _LEAST * whole), sums, counts)


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of rows such that a block of so many columns stays small."""
    step = max(1, _BLOCK // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
