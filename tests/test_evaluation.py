"""Error rates against brute-force definitions and scikit-learn, all pairs against every pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import ShapeError
from phiz.evaluation import blocks
from phiz.evaluation.blocks import all_pairs, pair_distances
from phiz.evaluation.curves import (
    Curve,
    accuracy,
    auc,
    best_threshold,
    curve_of,
    det_points,
    equal_error,
    fold_accuracies,
    held_out,
    operating_at,
    roc_points,
    supports,
    tar_at_far,
)
from phiz.evaluation.person_counts import person_counts
from phiz.evaluation.trials import Trials


@st.composite
def trials(draw: st.DrawFn, most: int = 60) -> Trials:
    """Pairs with many ties, of few people, of both kinds, in three folds."""
    count = draw(st.integers(2, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = draw(st.integers(1, 30))
    one = random.integers(0, 8, count)
    other = np.where(random.random(count) < 0.5, one, (one + random.integers(1, 8, count)) % 8)
    one[:2], other[:2] = (0, 1), (0, 2)
    distances = random.integers(0, steps + 1, count) / steps
    people = np.stack([one, other], axis=1)
    return Trials(distances, one == other, people, random.integers(0, 3, count))


@given(trials())
def test_curves_are_scikit_learns(some: Trials) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    curve = curve_of(some)
    score = -some.distances
    assert auc(curve) == pytest.approx(metrics.roc_auc_score(some.same, score), abs=1e-12)
    fmr, tar, _ = metrics.roc_curve(some.same, score, drop_intermediate=False)
    for ours, theirs in zip(roc_points(curve), (fmr, tar), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    fmr, fnmr = det_points(curve)
    assert ((fmr > 0) & (fnmr > 0)).all()


@given(trials(), st.floats(-0.1, 1.1))
def test_rates_are_counts_of_pairs(some: Trials, threshold: float) -> None:
    at = operating_at(curve_of(some), threshold)
    accepted = some.distances < threshold
    assert at.false_matches == int((accepted & ~some.same).sum())
    assert at.false_non_matches == int((~accepted & some.same).sum())
    assert at.fmr == pytest.approx((some.impostor < threshold).mean())
    assert at.fnmr == pytest.approx((some.genuine >= threshold).mean())
    assert at.accuracy == pytest.approx(accuracy(some, threshold))


@given(trials())
def test_the_area_is_the_chance_of_the_right_order(some: Trials) -> None:
    nearer = some.genuine[:, None] < some.impostor
    ties = some.genuine[:, None] == some.impostor
    assert auc(curve_of(some)) == pytest.approx(float((nearer + ties / 2).mean()), abs=1e-12)


@given(trials())
def test_no_threshold_is_better_than_the_best(some: Trials) -> None:
    best = best_threshold(curve_of(some))
    tried = np.concatenate([some.distances, some.distances + 1e-9, [-1.0, 2.0]])
    assert accuracy(some, best) == max(accuracy(some, float(limit)) for limit in tried)


@given(trials())
def test_the_equal_error_rate_is_dlibs(some: Trials) -> None:
    """As dlib goes: thresholds from the largest down, the first with the smallest gap."""
    rates = [
        (float((some.impostor < limit).mean()), float((some.genuine >= limit).mean()), limit)
        for limit in np.unique(some.distances)[::-1]
    ]
    gaps = [abs(fmr - fnmr) for fmr, fnmr, _ in rates]
    fmr, fnmr, limit = rates[int(np.argmin(gaps))]
    found = equal_error(curve_of(some))
    assert found is not None
    assert found[0] == pytest.approx(max(fmr, fnmr))
    assert abs(gaps[int(np.argmin(gaps))] - min(gaps)) < 1e-12
    assert found[1] == limit


@given(trials(), st.sampled_from([0.5, 0.3, 0.1, 0.05, 0.01]))
def test_tar_is_at_the_largest_threshold_that_keeps_the_far(some: Trials, far: float) -> None:
    found = tar_at_far(curve_of(some), far)
    if len(some.impostor) * far < 1 - 1e-9:
        assert found is None
        return
    kept = [
        limit
        for limit in [*np.unique(some.distances), np.inf]
        if (some.impostor < limit).mean() <= far + 1e-12
    ]
    assert found is not None
    assert found[1] == max(kept)
    assert found[0] == pytest.approx((some.genuine < max(kept)).mean())


def test_what_the_data_cannot_say_is_none() -> None:
    assert supports(300, 0.01)
    assert not supports(99, 0.01)
    assert supports(10_000, 1e-4)
    alone = Trials(np.array([0.1, 0.2]), np.ones(2, bool), np.zeros((2, 2), np.int64))
    curve = curve_of(alone)
    assert auc(curve) is None
    assert equal_error(curve) is None
    assert tar_at_far(curve, 0.1) is None
    assert operating_at(curve, 0.15).fmr is None
    assert operating_at(curve, 0.15).fnmr == 0.5


@given(trials())
def test_a_fold_is_judged_by_the_others(some: Trials) -> None:
    folds = np.unique(some.folds)
    if len(folds) < 2:
        with pytest.raises(ShapeError, match="two folds"):
            held_out(some)
        return
    thresholds, found = held_out(some)
    for fold, threshold, share in zip(folds, thresholds, found, strict=True):
        rest = some[some.folds != fold]
        assert accuracy(rest, threshold) == accuracy(rest, best_threshold(curve_of(rest)))
        assert share == accuracy(some[some.folds == fold], threshold)
    per_fold = [accuracy(some[some.folds == fold], 0.5) for fold in folds]
    np.testing.assert_allclose(fold_accuracies(some, 0.5), per_fold)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distances": np.array([0.1, np.nan])}, "finite"),
        ({"same": np.array([True, True])}, "pair 1: said to be one person"),
        ({"people": np.array([[0, 0], [-1, 2]])}, "numbers from 0"),
        ({"folds": np.array([1])}, "folds"),
    ],
)
def test_trials_that_do_not_fit_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    whole = {
        "distances": np.array([0.1, 0.2]),
        "same": np.array([True, False]),
        "people": np.array([[0, 0], [0, 1]]),
    }
    with pytest.raises(ShapeError, match=message):
        Trials(**(whole | change))


@given(trials())
def test_counts_per_person_hold_every_pair(some: Trials) -> None:
    counts = person_counts(some)
    curve, whole = counts.curve(), curve_of(some)
    assert (curve.genuine_total, curve.impostor_total) == (len(some.genuine), len(some.impostor))
    for threshold, genuine, impostor in zip(
        curve.thresholds[1:-1], curve.genuine[1:], curve.impostor[1:], strict=False
    ):
        at = operating_at(whole, threshold)
        assert (at.genuine - at.false_non_matches, at.false_matches) == (genuine, impostor)
    for row, person in enumerate(np.unique(some.people)):
        mine = (some.people == person).any(axis=1)
        assert counts.genuine[row].sum() == (mine & some.same).sum()
        assert counts.impostor[row].sum() == (mine & ~some.same).sum()


def crowd(people: int, seed: int = 0, most: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of people with one to ``most`` pictures each, in any order."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), random.integers(1, most + 1, people))
    random.shuffle(who)
    middles = random.standard_normal((people, 16))
    vectors = middles[who] + 0.6 * random.standard_normal((len(who), 16))
    return (vectors / 8).astype(np.float32), who.astype(np.int64)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("sides", [(1024, 2048), (7, 11), (16, 5)])
def test_blocks_count_every_pair_once(
    metric: str, sides: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("_ROWS", "_COLUMNS"), sides, strict=True):
        monkeypatch.setattr(blocks, name, value)
    vectors, who = crowd(25)
    one, other = np.triu_indices(len(who), 1)
    distances = pair_distances(vectors, one, other, metric)  # type: ignore[arg-type]
    same = who[one] == who[other]
    asked = sorted(np.quantile(distances, [0.01, 0.2, 0.7]).tolist() + [distances.min()])
    steps: list[int] = []
    found = all_pairs(
        vectors, who, metric=metric, thresholds=asked, hardest=9, progress=steps.append  # type: ignore[arg-type]
    )  # fmt: skip
    for threshold, counted in zip(asked, found.matches, strict=True):
        near = distances < threshold
        assert counted.tolist() == [(near & same).sum(), (near & ~same).sum()]
        at = operating_at(found.curve(), threshold)
        assert (at.genuine - at.false_non_matches, at.false_matches) == tuple(counted)
    assert found.genuine.sum() == same.sum()
    assert found.impostor.sum() == (~same).sum()
    exact = auc(curve_of(Trials(distances, same, who[np.stack([one, other], axis=1)])))
    assert exact is not None
    assert abs(auc(found.curve()) - exact) <= found.blur + 1e-6  # type: ignore[operator]
    for hardest, kind, sign in ((found.impostors, ~same, 1), (found.strangers, same, -1)):
        order = np.argsort(sign * distances[kind], kind="stable")[:9]
        np.testing.assert_allclose(hardest.distances, distances[kind][order], atol=1e-12)
        for a, b, far in zip(hardest.one, hardest.other, hardest.distances, strict=True):
            assert (who[a] == who[b]) == (sign == -1)
            assert far == pair_distances(vectors, np.array([a]), np.array([b]), metric)[0]  # type: ignore[arg-type]
    assert steps == sorted(steps)
    for person in range(25):
        mine = (who[one] == person) | (who[other] == person)
        assert found.people.genuine[person].sum() == (mine & same).sum()
        assert found.people.impostor[person].sum() == (mine & ~same).sum()
    edge = found.people.edges[len(found.people.edges) // 2]
    low = found.people.curve()
    at = operating_at(low, edge)
    assert at.false_matches == pytest.approx(((distances < edge) & ~same).sum(), abs=1)


def test_a_pair_at_the_threshold_is_decided_in_float64() -> None:
    vectors = np.zeros((2, 3), np.float32)
    for distance, matches in ((np.float32(0.6), 0), (np.nextafter(np.float32(0.6), 0), 1)):
        vectors[1, 0] = distance
        found = all_pairs(vectors, np.arange(2), thresholds=[float(np.float32(0.6))])
        assert found.matches.tolist() == [[0, matches]]


@pytest.mark.parametrize("count", [0, 1])
def test_no_pairs_are_no_error(count: int) -> None:
    found = all_pairs(
        np.ones((count, 4), np.float32), np.zeros(count, np.int64), thresholds=[0.5], hardest=3
    )
    assert found.matches.tolist() == [[0, 0]]
    assert len(found.impostors) == len(found.strangers) == 0
    assert auc(found.curve()) is None


def test_memory_is_that_of_blocks() -> None:
    import tracemalloc

    random = np.random.default_rng(0)
    vectors = random.standard_normal((12_000, 16)).astype(np.float32)
    tracemalloc.start()
    found = all_pairs(vectors, np.arange(12_000) // 4, hardest=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.impostor.sum() == 12_000 * 11_999 // 2 - 3000 * 6
    assert peak < 12_000 * 12_000 * 4 / 3  # of a matrix of distances


def test_a_curve_begins_at_nothing() -> None:
    with pytest.raises(ShapeError, match="accepts no pair"):
        Curve(np.array([1.0]), np.array([1]), np.array([0]))
