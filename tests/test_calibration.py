"""Thresholds for a false match rate, likelihood ratios, and the file that carries them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.calibration import Calibration, read_calibration
from phiz.checks import F32, I64
from phiz.errors import OptionError, SpaceError
from phiz.evaluation.calibrate import calibrate, trials_of
from phiz.evaluation.likelihood import calibration_error, fit_ratio, log_ratio_cost
from phiz.evaluation.targets import Impostors, target_threshold
from phiz.evaluation.trials import Trials
from phiz.values import Descriptors


def people_like(count: int, seed: int, each: int = 4) -> tuple[F32, I64]:
    """Make vectors of people, some of whom look alike: three groups, pictures around a mean."""
    random = np.random.default_rng(seed)
    groups = random.normal(0, 0.25, (3, 32))[random.integers(3, size=count)]
    means = groups + random.normal(0, 0.12, (count, 32))
    who = np.repeat(np.arange(count), each)
    vectors = means[who] + random.normal(0, 0.05, (len(who), 32))
    return vectors.astype(np.float32), who.astype(np.int64)


@pytest.fixture(scope="module")
def trials() -> Trials:
    return trials_of(*people_like(120, 1))


@pytest.fixture(scope="module")
def made(trials: Trials) -> Calibration:
    return calibrate(trials, 0.01, space="a model")


def test_all_pairs_are_made_once(trials: Trials) -> None:
    vectors, who = people_like(120, 1)
    assert len(trials) == 480 * 479 // 2
    assert trials.same.sum() == 120 * 6
    assert trials.distances[0] == pytest.approx(np.linalg.norm(vectors[0] - vectors[1]), rel=1e-6)
    few = trials_of(vectors, who, most=1000)
    assert 0 < len(few) <= 1000


@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_the_threshold_accepts_no_more_than_was_asked_for(trials: Trials, fmr: float) -> None:
    target = target_threshold(trials, fmr)
    measured = (trials.impostor < target.threshold).mean()
    assert measured == target.measured <= fmr
    assert target.low <= target.measured <= target.high <= 3 * fmr
    assert (target.impostors, target.people) == (len(trials.impostor), 120)


def test_the_rate_on_other_people_is_inside_of_the_interval() -> None:
    inside = []
    for seed in range(30):
        target = target_threshold(trials_of(*people_like(60, 2 * seed)), 0.01)
        others = trials_of(*people_like(60, 2 * seed + 1))
        inside.append(target.low <= (others.impostor < target.threshold).mean() <= target.high)
    assert np.mean(inside) >= 0.9


def test_what_pairs_cannot_show_is_refused(trials: Trials) -> None:
    total = len(trials.impostor)
    message = rf"supports an FMR of {1 / total:.1e} or more: {total} impostor pairs of 120 people"
    with pytest.raises(OptionError, match=message.replace("+", r"\+")):
        target_threshold(trials, 0.5 / total)
    with pytest.raises(OptionError, match="supports no FMR"):
        target_threshold(trials[trials.same], 0.1)
    with pytest.raises(OptionError, match="between 0 and 1"):
        target_threshold(trials, 1.0)
    with pytest.raises(OptionError, match="pairs of one person, found none"):
        calibrate(trials[~trials.same], 0.1, space="a model")


@given(st.lists(st.integers(0, 5), min_size=4, max_size=40), st.integers(1, 90))
def test_ties_are_never_cut_apart(values: list[int], percent: int) -> None:
    distances = np.array(values, np.float64)
    people = np.stack([np.arange(len(values)), np.arange(len(values)) + 100], axis=1)
    rate = percent / 100
    if len(values) * rate < 1:
        return
    target = target_threshold(Impostors(distances, people), rate)
    accepted = int((distances < target.threshold).sum())
    assert accepted / len(values) == target.measured <= rate


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_ratios_are_right_on_other_people(trials: Trials, method: str) -> None:
    fit = fit_ratio(trials, method)  # type: ignore[arg-type]
    others = trials_of(*people_like(120, 2))
    ratios = fit(others.distances)
    assert (np.diff(fit.values) <= 0).all()
    assert abs(fit.values).max() <= math.log(len(trials) + 1)
    for prior in (0.5, 0.01):
        assert calibration_error(ratios, others.same, prior) <= 0.02
    assert fit.cost < 0.3
    assert log_ratio_cost(ratios[others.same], ratios[~others.same]) < 0.3


def test_the_true_ratio_of_two_normal_distributions_is_found() -> None:
    random = np.random.default_rng(0)
    genuine, impostor = random.normal(1, 0.2, 20_000), random.normal(2, 0.2, 20_000)
    people = np.arange(40_000)
    pairs = Trials(
        np.concatenate([genuine, impostor]),
        people < 20_000,
        np.stack([people, np.where(people < 20_000, people, people + 40_000)], axis=1),
    )
    for method in ("logistic", "isotonic"):
        fit = fit_ratio(pairs, method)  # type: ignore[arg-type]
        at = np.array([1.4, 1.5, 1.6])
        truth = ((at - 2) ** 2 - (at - 1) ** 2) / (2 * 0.2**2)
        np.testing.assert_allclose(fit(at), truth, atol=1.2)  # the isotonic fit is rough


def test_calibration_error_by_hand() -> None:
    ratios = np.log(np.array([0.8, 0.8, 0.2, 0.2]) / np.array([0.2, 0.2, 0.8, 0.8]))
    same = np.array([True, False, True, False])
    assert calibration_error(ratios, same, 0.5) == pytest.approx(0.3)
    assert calibration_error(np.array([40.0, -40.0]), np.array([True, False]), 0.5) < 1e-12


def test_probabilities_want_a_prior(made: Calibration) -> None:
    distance = made.threshold
    even, rare = made.probability(distance, 0.5), made.probability(distance, 0.001)
    ratio = float(made.log_ratio(distance))
    assert even == pytest.approx(1 / (1 + math.exp(-ratio)))
    assert rare / (1 - rare) == pytest.approx(math.exp(ratio) * 0.001 / 0.999)
    with pytest.raises(OptionError, match="prior"):
        made.probability(distance, 1.0)


def test_larger_galleries_have_smaller_thresholds(made: Calibration, trials: Trials) -> None:
    found = [made.for_gallery(faces, 0.1) for faces in (1, 10, 1000, 10**6)]
    limits = [limit for limit, _ in found]
    assert limits == sorted(limits, reverse=True)
    assert [beyond for _, beyond in found] == [False, False, False, True]
    for faces, limit in zip((1, 10), limits, strict=False):
        wanted = 1 - 0.9 ** (1 / faces)
        assert (trials.impostor < limit).mean() == pytest.approx(wanted, rel=0.1)
        assert made.rate_at(limit) == pytest.approx(wanted, rel=1e-6)
    assert made.rate_at(limits[-1]) == pytest.approx(0.1e-6, rel=0.1)


def test_a_file_brings_everything_back(made: Calibration, tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(made.to_json())
    assert read_calibration(file) == made
    made.check_space(Descriptors(np.zeros((1, 4), np.float32), "a model"))
    with pytest.raises(SpaceError, match="calibrate this model too"):
        made.check_space(Descriptors(np.zeros((1, 4), np.float32), "another"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 2), ("threshold", "0.6"), ("threshold", None), ("threshold", math.nan),
        ("fmr", 0), ("low", 0.9), ("people", 1.5), ("people", True), ("metric", "manhattan"),
        ("llr", [1.0]), ("llr", [1.0, 2.0]), ("llr_distances", [1.0, 1.0]), ("llr", 10**400),
        ("tail_rates", [0.0, 1.0]), ("tail_distances", ["a", "b"]), ("llr_method", "magic"),
        ("tail_distances", [0.1] * 5000), ("space", 3),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(
    made: Calibration, tmp_path: Path, field: str, value: object
) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(json.loads(made.to_json()) | {field: value}))
    with pytest.raises(OptionError, match=r"calibration\.json"):
        read_calibration(file)


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", "[" * 100_000, "\udcff"):
        file = tmp_path / "x.json"
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(OptionError, match=r"x\.json"):
            read_calibration(file)
    with pytest.raises(OptionError, match="No such file"):
        read_calibration(tmp_path / "none.json")
