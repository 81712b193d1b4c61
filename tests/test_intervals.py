"""Intervals cover the truth as often as they say, and know what pairs share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.evaluation.blocks import all_pairs
from phiz.evaluation.curves import auc, curve_of, operating_at
from phiz.evaluation.intervals import (
    counts_intervals,
    counts_rates,
    curve_intervals,
    person_weights,
    rate_interval,
)
from phiz.evaluation.trials import Trials

PEOPLE, SIDES = 120, 8


def faces(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of people whose means and spreads differ: pairs that share a person are alike."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), random.integers(2, 6, PEOPLE))
    spread = 0.5 * np.exp(0.2 * random.standard_normal(PEOPLE))
    means = random.standard_normal((PEOPLE, SIDES))
    vectors = means[who] + spread[who, None] * random.standard_normal((len(who), SIDES))
    return vectors.astype(np.float32), who


def truth(far: float) -> tuple[float, float]:
    """The area under the curve and the TAR of the population, from independent pairs."""
    random = np.random.default_rng(0)
    count = 400_000

    def spread() -> np.ndarray:
        return 0.5 * np.exp(0.2 * random.standard_normal((count, 1)))

    def normal() -> np.ndarray:
        return random.standard_normal((count, SIDES))

    genuine = np.linalg.norm(spread() * (normal() - normal()), axis=1)
    one, other = (normal() + spread() * normal() for _ in range(2))
    impostor = np.sort(np.linalg.norm(one - other, axis=1))
    area = 1 - float(np.searchsorted(impostor, genuine).mean()) / count
    return area, float((genuine < impostor[int(far * count)]).mean())


def listed(vectors: np.ndarray, who: np.ndarray, seed: int) -> Trials:
    """As many pairs of one person as of two, of people drawn at random: a list like LFW's."""
    random = np.random.default_rng(seed)
    first = np.searchsorted(who, np.arange(PEOPLE))
    one, other = random.integers(0, PEOPLE, (2, 400))
    other = np.where(one == other, (one + 1) % PEOPLE, other)
    left = np.concatenate([first[one], first[one]])
    right = np.concatenate([first[one] + 1, first[other] + random.integers(0, 2, 400)])
    distances = np.linalg.norm(vectors[left].astype(np.float64) - vectors[right], axis=1)
    people = who[np.stack([left, right], axis=1)]
    return Trials(distances, people[:, 0] == people[:, 1], people)


@pytest.mark.parametrize("lists", [False, True], ids=["all pairs", "lists"])
def test_intervals_cover_the_truth(lists: bool) -> None:
    """Of 120 runs 95 % are 114; fewer than 106 or all 120 are chances of one in some hundred."""
    far = 0.05
    area, tar = truth(far)
    inside = np.zeros(2, int)
    for seed in range(120):
        vectors, who = faces(seed)
        if lists:
            found = curve_intervals(listed(vectors, who, seed), [far], replicates=300)
        else:
            pairs = all_pairs(vectors, who)
            found = counts_intervals(pairs.people, pairs.curve(), [far], replicates=300)
        for place, (interval, true) in enumerate(((found.auc, area), (found.tar[far], tar))):
            assert interval is not None
            assert interval.low <= interval.value <= interval.high
            inside[place] += interval.low <= true <= interval.high
    assert (inside >= 106).all(), inside
    assert (inside <= 119).all(), inside


def test_pairs_that_share_a_person_count_as_one_piece_of_evidence() -> None:
    """Each person's twenty pairs agree: the interval is that of the people, not of the pairs."""
    random = np.random.default_rng(1)
    accepted = random.random(200) < 0.7
    people = np.repeat(np.arange(200), 20)
    hits = np.repeat(accepted, 20)
    found = rate_interval(hits, np.stack([people, people], axis=1))
    assert found is not None
    rate = accepted.mean()
    half = 1.96 * math.sqrt(rate * (1 - rate) / 200)
    assert found.value == pytest.approx(rate)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_pairs_that_share_nobody_are_independent() -> None:
    """Two weights touch every pair, but its noise is counted once."""
    random = np.random.default_rng(2)
    hits = random.random(3000) < 0.1
    found = rate_interval(hits, np.arange(6000).reshape(3000, 2))
    assert found is not None
    half = 1.96 * math.sqrt(hits.mean() * (1 - hits.mean()) / 3000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_no_error_among_few_is_no_proof() -> None:
    people = np.arange(60).reshape(30, 2)
    found = rate_interval(np.zeros(30, bool), people)
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert rate_interval(np.zeros(0, bool), np.zeros((0, 2), np.int64)) is None


def test_what_the_data_cannot_say_has_no_interval() -> None:
    vectors, who = faces(0)
    found = curve_intervals(listed(vectors, who, 0), [0.1, 0.01, 0.001], replicates=50)
    assert [far for far, value in found.tar.items() if value is None] == [0.001]
    genuine = Trials(np.array([0.1]), np.array([True]), np.zeros((1, 2), np.int64))
    assert curve_intervals(genuine, [0.1]).auc is None


@given(st.integers(1, 50), st.integers(1, 30), st.integers(0, 100))
def test_weights_sum_to_the_people(people: int, replicates: int, seed: int) -> None:
    weights = person_weights(people, replicates, seed)
    assert weights.shape == (replicates, people)
    np.testing.assert_allclose(weights.sum(axis=1), people)
    assert (weights >= 0).all()


@given(st.integers(0, 2**32 - 1))
def test_intervals_hold_their_value_and_stay_rates(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 5, (2, 30))
    one[:2], other[:2] = 0, (0, 1)
    people = np.stack([one, other], axis=1)
    some = Trials(random.integers(0, 5, 30) / 5, one == other, people)
    found = curve_intervals(some, [0.5, 0.1], replicates=40)
    assert found.auc is not None
    assert found.auc.value == auc(curve_of(some))
    for interval in (found.auc, *found.tar.values()):
        if interval is not None:
            assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_the_same_seed_gives_the_same_interval() -> None:
    some = listed(*faces(3), seed=3)
    assert curve_intervals(some, [0.1]) == curve_intervals(some, [0.1])
    assert curve_intervals(some, [0.1], seed=1) != curve_intervals(some, [0.1])


def test_rates_of_all_pairs_are_those_of_their_list() -> None:
    vectors, who = faces(4)
    one, other = np.triu_indices(len(who), 1)
    people = np.stack([who[one], who[other]], axis=1)
    distances = np.linalg.norm(vectors[one].astype(np.float64) - vectors[other], axis=1)
    threshold = float(np.quantile(distances, 0.05))
    found = all_pairs(vectors, who, thresholds=[threshold])
    rates = counts_rates(found.people, operating_at(found.curve(), threshold))
    same = people[:, 0] == people[:, 1]
    lists = (
        rate_interval(distances[~same] < threshold, people[~same]),
        rate_interval(distances[same] >= threshold, people[same]),
    )
    for ours, theirs in zip(rates, lists, strict=True):
        assert ours is not None
        assert theirs is not None
        assert ours.value == pytest.approx(theirs.value)
        assert ours.low == pytest.approx(theirs.low, rel=0.1)
        assert ours.high == pytest.approx(theirs.high, rel=0.1)
