"""Cleaning: hashes, wrong labels, people to merge, faces to choose, pictures there twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from phiz.cleaning import (
    CleanOptions,
    Proposal,
    Proposals,
    groups,
    judge,
    propose,
    read_tree,
    spread,
)
from phiz.cleaning.duplicates import find_duplicates
from phiz.cleaning.faces import choose_faces
from phiz.cleaning.groups import main_group, medoid
from phiz.cleaning.hashing import BITS, hash_distance, near_pairs, perceptual_hash
from phiz.cleaning.labels import rank_labels
from phiz.cleaning.measures import Measures, measure, sharpness
from phiz.cleaning.merges import rank_merges
from phiz.cleaning.proposals import KINDS
from phiz.cleaning.spread import centred, fit_spread
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.facecache import FaceCache
from phiz.imaging import decode, encode, resized
from phiz.pipeline import make_recipe
from phiz.table import FaceTable, Picture

AXES = 96  # the number of directions in which dlib's descriptors of LFW vary


def people(sizes: list[int], seed: int, *, within: float = 0.0965) -> tuple[np.ndarray, np.ndarray]:
    """Draw descriptors: like dlib's of LFW in how people and their pictures vary.

    Variances along 96 axes follow curves fitted to the development set of LFW: between people
    1/(1 + i)^0.75 exp(-i / 60), 0.2476 in all, and within people exp(-i / 70), 0.0965 in all.
    """
    random = np.random.default_rng(seed)
    axis = np.arange(AXES)
    far = (1 + axis) ** -0.75 * np.exp(-axis / 60)
    near = np.exp(-axis / 70)
    far, near = 0.2476 * far / far.sum(), within * near / near.sum()
    identity = np.repeat(np.arange(len(sizes)), sizes)
    centres = random.standard_normal((len(sizes), AXES)) * np.sqrt(far)
    noise = random.standard_normal((len(identity), AXES)) * np.sqrt(near)
    return (centres[identity] + noise).astype(np.float32), identity.astype(np.int64)


@pytest.fixture(scope="module")
def astronaut(pictures: dict[str, np.ndarray]) -> np.ndarray:
    return pictures["astronaut.png"]


# Hashes


def test_copies_have_near_hashes_and_other_pictures_have_not(
    pictures: dict[str, np.ndarray],
) -> None:
    hashes = {}
    for name, image in pictures.items():
        mine = perceptual_hash(image)
        assert mine is not None
        copies = [
            resized(image, max(image.shape[:2]) // 2),
            decode(encode(image, ".jpg", quality=40)),
            np.clip(image * 1.1, 0, 255).astype(np.uint8),
            decode(encode(resized(image, 200), ".jpg", quality=70)),
        ]
        for copy in copies:
            other = perceptual_hash(copy)
            assert other is not None
            assert hash_distance(mine, other) <= CleanOptions().bits, name
        hashes[name] = mine
    names = sorted(set(hashes) - {"face_recognition-32bit.png"})  # it is another one as a PNG
    apart = [
        hash_distance(hashes[a], hashes[b]) for i, a in enumerate(names) for b in names[i + 1 :]
    ]
    assert min(apart) > CleanOptions().bits


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_picture_of_one_shade_has_no_hash(shade: int) -> None:
    assert perceptual_hash(np.full((50, 70, 3), shade, np.uint8)) is None


@given(st.integers(0, 40), st.integers(0, 60), st.integers(0, 10_000))
def test_near_pairs_are_those_of_a_full_comparison(count: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 256, (3, BITS // 8), np.uint8)[random.integers(0, 3, count)]
    flips = np.packbits(random.random((count, BITS)) < 0.08, axis=1)
    hashes ^= flips
    if count > 4:
        hashes[3] = hashes[1]
    pairs, bits = near_pairs(hashes, most)
    expected = {
        (i, j): hash_distance(hashes[i], hashes[j])
        for i in range(count)
        for j in range(i + 1, count)
    }
    found = dict(zip(map(tuple, pairs.tolist()), bits.tolist(), strict=True))
    equal = {pair for pair, distance in expected.items() if distance == 0}
    assert found.items() <= expected.items()
    assert {p for p, d in expected.items() if 0 < d <= most} - set(found) <= {
        (i, j) for i, j in expected if any((k, j) in equal or (k, i) in equal for k in range(count))
    }
    assert all(any(pair[1] == other[1] for other in found) for pair in equal)


def test_many_equal_hashes_give_few_pairs() -> None:
    pairs, bits = near_pairs(np.zeros((3000, BITS // 8), np.uint8), 40)
    assert pairs.shape == (2999, 2)
    assert (pairs[:, 0] == 0).all()
    assert not bits.any()


# The model


def test_the_spread_is_found_in_spite_of_wrong_labels() -> None:
    vectors, identity = people([6] * 150, 0)
    wide = centred(vectors, "euclidean")
    random = np.random.default_rng(1)
    for wrong in (0, 40):
        labels = identity.copy()
        labels[random.choice(len(labels), wrong, replace=False)] = 3
        found = fit_spread(wide, labels)
        assert found.within * AXES == pytest.approx(0.0965, rel=0.08)
        assert found.between * AXES == pytest.approx(0.2476, rel=0.15)
        assert found.limit == pytest.approx(0.58, abs=0.02)


@given(st.integers(0, 9), st.integers(1, 4), st.integers(0, 100))
def test_a_spread_is_positive_whatever_comes(count: int, groups_: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = np.round(random.standard_normal((count, 3)) * random.integers(0, 2), 1)
    identity = random.integers(0, groups_, count).astype(np.int64)
    found = fit_spread(centred(vectors.astype(np.float32), "euclidean"), identity)
    assert found.within > 0
    assert found.between > 0
    assert np.isfinite(found.limit)


def brute_own(wide: np.ndarray, identity: np.ndarray, model: spread.Spread, row: int) -> float:
    """Return the evidence for a picture's own identity by the densities of the model."""
    others = (identity == identity[row]) & (np.arange(len(wide)) != row)
    count, w, b = others.sum(), model.within, model.between
    mean = b * wide[others].sum(axis=0) / (w + count * b)
    variance = w + b * w / (w + count * b)

    def log_density(x: np.ndarray, centre: np.ndarray, v: float) -> float:
        return float(-0.5 * (np.log(2 * np.pi * v) + (x - centre) ** 2 / v).mean())

    return log_density(wide[row], mean, variance) - log_density(wide[row], 0 * mean, w + b)


def test_evidence_is_what_the_densities_say() -> None:
    vectors, identity = people([2, 5, 3, 1], 4)
    wide = centred(vectors, "euclidean")
    found = rank_labels(vectors, identity)
    assert not found.outside.any()
    for row in range(len(identity)):
        expected = brute_own(wide, identity, found.spread, row) if identity[row] < 3 else 0
        assert found.own[row] == pytest.approx(expected, abs=1e-9)
        best = []
        for other in range(4):
            if other != identity[row]:
                moved = identity.copy()
                moved[row] = other
                best.append(brute_own(wide, moved, found.spread, row))
        assert found.other[row] == pytest.approx(max(best), abs=1e-9)
    assert found.score[-1] == 0  # alone in its identity
    merges = rank_merges(wide, identity, found.spread)
    for (one, other), evidence in zip(merges.pairs.tolist(), merges.evidence, strict=True):
        # One person or two: the chain of what each picture adds to those before.
        rows = np.flatnonzero(np.isin(identity, [one, other]))
        together = chain(wide[rows], found.spread)
        apart = sum(chain(wide[identity == each], found.spread) for each in (one, other))
        assert evidence == pytest.approx(together - apart, abs=1e-9)


def chain(rows: np.ndarray, model: spread.Spread) -> float:
    """Return log p of pictures of one person, per axis."""
    total = 0.0
    for count in range(len(rows)):
        w, b = model.within, model.between
        mean = b * rows[:count].sum(axis=0) / (w + count * b)
        variance = w + b * w / (w + count * b)
        total += float(
            -0.5 * (np.log(2 * np.pi * variance) + (rows[count] - mean) ** 2 / variance).mean()
        )
    return total


# Wrong labels and split people


def test_flips_and_splits_come_first_on_drawn_descriptors() -> None:
    """The experiment of benchmarks/cleaning.py, smaller, on vectors whose truth is known."""
    flips = early = merged = splits = 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        sizes = random.choice([4, 5, 6, 7, 8], 100, p=[0.55, 0.17, 0.2, 0.06, 0.02]).tolist()
        vectors, truth = people(sizes, seed)
        labels = truth.copy()
        rows = random.permutation(np.flatnonzero(labels == 7))
        labels[rows[: len(rows) // 2]] = 100
        wrong = random.choice(len(labels), round(0.02 * len(labels)), replace=False)
        for row in wrong.tolist():
            labels[row] = (labels[row] + random.integers(1, 90)) % 100
        found = rank_labels(vectors, labels)
        first = found.order[: int(0.05 * len(labels))]
        flips, early = flips + len(wrong), early + int(np.isin(wrong, first).sum())
        merges = rank_merges(centred(vectors, "euclidean"), labels, found.spread, most=20)
        splits, merged = splits + 1, merged + ({7, 100} == set(merges.pairs[0].tolist()))
        assert (merges.score[:-1] >= merges.score[1:]).all()
    assert flips >= 50
    assert early == flips
    assert merged == splits


def test_a_flip_is_moved_to_where_it_is_from() -> None:
    vectors, truth = people([6] * 40, 3)
    labels = truth.copy()
    labels[0] = 5
    found = rank_labels(vectors, labels)
    assert found.order[0] == 0
    assert found.nearest[0] == 0
    assert found.outside[0]
    assert found.other[0] > 0 > found.own[0]


def test_several_pictures_of_one_other_person_do_not_speak_for_each_other() -> None:
    vectors, truth = people([10] * 30, 6)
    labels = truth.copy()
    labels[10:14] = 0  # four of fourteen pictures of person 0 are person 1's
    found = rank_labels(vectors, labels)
    assert set(found.order[:4].tolist()) == {10, 11, 12, 13}
    assert found.outside[10:14].all()
    assert (found.nearest[10:14] == 1).all()


def test_a_stranger_fits_nobody() -> None:
    vectors, truth = people([6] * 40 + [1], 6)
    labels = truth.copy()
    labels[-1] = 12
    found = rank_labels(vectors, labels)
    assert found.order[0] == len(labels) - 1
    assert found.score[found.order[0]] > 0


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@given(seed=st.integers(0, 1000))
def test_ranking_does_not_depend_on_the_order_of_pictures(metric: Any, seed: int) -> None:
    # Pictures of one person are near enough for every order to give the same clusters.
    vectors, labels = people([4, 1, 2, 3, 5], seed, within=0.02)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    one = rank_labels(vectors, labels, metric=metric)
    other = rank_labels(vectors[shuffled], labels[shuffled], metric=metric)
    np.testing.assert_allclose(one.score[shuffled], other.score, atol=1e-6)
    np.testing.assert_array_equal(one.nearest[shuffled], other.nearest)
    assert sorted(one.order.tolist()) == list(range(len(labels)))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = people([3, 4, 1, 5, 2, 2, 6, 3], 8)
    wide = centred(vectors, "euclidean")
    whole = rank_labels(vectors, labels)
    pairs = rank_merges(wide, labels, whole.spread, most=9)
    monkeypatch.setattr(spread, "_BLOCK", 7)
    parts = rank_labels(vectors, labels)
    np.testing.assert_allclose(parts.score, whole.score, atol=1e-12)
    np.testing.assert_array_equal(
        rank_merges(wide, labels, whole.spread, most=9).pairs, pairs.pairs
    )


def test_people_who_look_alike_to_the_model_do_not_fill_the_list() -> None:
    """Strangers of a dense group have more evidence than a split person, but no better score."""
    random = np.random.default_rng(0)
    vectors, labels = people([4] * 60, 1)
    crowd = (
        random.standard_normal((40, 1, AXES)) * 0.012 + random.standard_normal((1, 1, AXES)) * 0.06
    )
    crowd = crowd + random.standard_normal((40, 4, AXES)) * 0.031
    vectors = np.concatenate([vectors, crowd.reshape(-1, AXES).astype(np.float32)])
    labels = np.concatenate([labels, np.repeat(np.arange(60, 100), 4)])
    labels[:2] = 100
    model = rank_labels(vectors, labels).spread
    found = rank_merges(centred(vectors, "euclidean"), labels, model, most=50)
    assert set(found.pairs[0].tolist()) == {0, 100}
    assert found.evidence[0] < found.evidence.max()


def test_merging_goes_into_the_one_with_more_pictures() -> None:
    vectors, labels = people([8] * 20, 2)
    labels[:3] = 20
    found = rank_merges(
        centred(vectors, "euclidean"), labels, rank_labels(vectors, labels).spread, most=1
    )
    assert found.pairs.tolist() == [[20, 0]]
    apart = np.linalg.norm(vectors[:3, None].astype(float) - vectors[3:8], axis=2)
    assert found.mean[0] == pytest.approx(apart.mean(), abs=1e-9)
    assert found.nearest[0] == pytest.approx(apart.min(), abs=1e-9)


@pytest.mark.parametrize("sizes", [[], [1], [3], [1, 1], [2, 2]])
def test_small_sets_are_ranked_too(sizes: list[int]) -> None:
    vectors, labels = people(sizes, 0)
    found = rank_labels(vectors, labels)
    assert len(found) == len(labels)
    assert np.isfinite(found.score).all()
    pairs = rank_merges(centred(vectors, "euclidean"), labels, found.spread)
    assert len(pairs) == (1 if len(sizes) == 2 else 0)


def test_vectors_and_labels_are_checked() -> None:
    with pytest.raises(ShapeError, match="identity: wanted shape"):
        rank_labels(np.zeros((3, 4), np.float32), np.zeros(2, np.int64))
    with pytest.raises(ShapeError, match="finite"):
        rank_labels(np.full((1, 4), np.nan, np.float32), np.zeros(1, np.int64))


def test_large_identities_are_clustered_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = people([60, 25], 9)
    wide = centred(vectors, "euclidean")
    expected = np.arange(85) < 60
    np.testing.assert_array_equal(main_group(wide, 0.58), expected)
    monkeypatch.setattr(groups, "_COMPARED", 20)
    np.testing.assert_array_equal(main_group(wide, 0.58), expected)
    assert medoid(wide[:60]) < 60


def test_where_no_cluster_has_more_than_half_all_are_in() -> None:
    vectors, _ = people([3, 3], 9)
    assert main_group(centred(vectors, "euclidean"), 0.58).all()


# Faces of a picture


def faces_of(counts: list[int], vectors: np.ndarray, sides: list[float]) -> FaceTable:
    tables = []
    for index, count in enumerate(counts):
        start = sum(counts[:index])
        boxes = np.array([[0, 0, side, side] for side in sides[start : start + count]], np.float32)
        tables.append(
            FaceTable(
                (Picture(f"{index}", str(index), 500, 500),),
                np.zeros(count, np.int64),
                np.arange(count),
                boxes.reshape(-1, 4),
                np.ones(count, np.float32),
                np.array([""] * count, np.str_),
                descriptors=vectors[start : start + count],
                space="drawn",
                threshold=0.6,
            )
        )
    return FaceTable.concat(tables)


def test_the_face_that_is_in_every_picture_is_chosen() -> None:
    vectors, who = people([4, 1, 1, 1], 11)
    rows = [4, 0, 1, 5, 2, 3, 6]  # pictures: (stranger, me), (me, stranger), (me), (me, stranger)
    table = faces_of([2, 2, 1, 2], vectors[rows], [200, 90, 80, 200, 50, 70, 200])
    chosen = choose_faces(table, table.descriptors.astype(float), np.zeros(4, np.int64), 0.6)
    assert [int(who[rows[row]]) for row in chosen] == [0, 0, 0, 0]


def test_of_two_people_in_every_picture_the_prominent_one_is_chosen() -> None:
    vectors, who = people([3, 3], 11)
    rows = [0, 3, 1, 4, 2, 5]
    table = faces_of([2, 2, 2], vectors[rows], [100, 220, 120, 230, 240, 110])
    chosen = choose_faces(table, table.descriptors.astype(float), np.zeros(3, np.int64), 0.6)
    assert who[np.array(rows)[chosen]].tolist() == [1, 1, 1]


def test_a_lone_picture_has_its_largest_face_and_an_empty_one_none() -> None:
    vectors, _ = people([1, 1, 1], 12)
    table = faces_of([3, 0], vectors, [60, 90, 80])
    for identity in ([0, 1], [-1, -1], [0, 0]):
        chosen = choose_faces(table, vectors.astype(float), np.array(identity, np.int64), 0.6)
        assert chosen.tolist() == [1, -1]


# Sharpness


def test_blur_and_enlarging_lower_sharpness(astronaut: np.ndarray) -> None:
    box = np.array([[170, 70, 280, 180]], np.float32)
    (sharp,) = sharpness(astronaut, box)
    values = [sharp]
    for radius in (1, 2, 4):
        blurred = np.array(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(radius)))
        values += sharpness(blurred, box)
    assert values == sorted(values, reverse=True)
    assert values[0] > CleanOptions().sharpest > values[-1]
    (small,) = sharpness(resized(astronaut, 128), box / 4)
    assert small < sharp / 3
    assert sharpness(astronaut, np.array([[900, 0, 950, 50]], np.float32)) == (0.0,)


def test_measures_are_remembered_by_content(tmp_path: Path, astronaut: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(astronaut).save(path)
    table = FaceTable.of_picture(Picture("a.png", "feed" * 16, 512, 512), settings_hash="s")
    with FaceCache(tmp_path / "faces.sqlite") as cache:
        first = measure(path, table, cache=cache)
        path.unlink()
        again = measure(path, table, cache=cache)
        np.testing.assert_array_equal(first.hash, again.hash)
        assert first.sharpness == again.sharpness == ()
        for damage in (b"{", b"[]", b'{"hash": "zz", "sharpness": []}', b'{"hash": null}'):
            cache.put_bytes([("feed" * 16, "measures 1 s", damage)])
            with pytest.raises(ImageError, match="No such file"):
                measure(path, table, cache=cache)


# Duplicates


def test_each_picture_goes_only_for_one_that_stays() -> None:
    vectors, _ = people([1] * 6, 13)
    vectors[1] = vectors[0]
    code = np.arange(32, dtype=np.uint8)
    far = [code ^ np.uint8(mask) for mask in (0x00, 0x55, 0x33, 0x0F, 0x5A, 0x66)]
    near = far[3].copy()
    near[0] ^= 0xFF  # 8 bits
    found = find_duplicates(
        ["a", "b", "c", "d", "e", "c", ""],
        [*far[:4], near, far[2], far[0]],
        vectors.astype(float),
        np.array([0, 1, 2, -1, -1, 2, 5]),
        np.array([5, 9, 1, 3, 4, 1, 99], float),
        bits=40,
        near=0.1,
        apart=0.6,
    )
    pairs = dict(zip(found.picture.tolist(), found.other.tolist(), strict=True))
    assert pairs == {0: 1, 5: 2, 3: 4}
    assert dict(zip(found.picture.tolist(), found.exact.tolist(), strict=True)) == {
        0: False, 5: True, 3: False,
    }  # fmt: skip
    assert found.bits[found.picture == 3].tolist() == [8]
    assert not set(pairs) & set(pairs.values())


def test_alike_pictures_of_faces_of_two_people_are_two_pictures() -> None:
    vectors, _ = people([1, 1], 14)
    code = np.zeros(32, np.uint8)
    arguments: Any = (["a", "b"], [code, code], vectors.astype(float), np.array([0, 1]), np.ones(2))
    assert len(find_duplicates(*arguments, bits=40, near=0.1, apart=0.3)) == 0
    assert len(find_duplicates(*arguments, bits=40, near=0.1, apart=9.0)) == 1


# The table, and a tree of real pictures


def test_proposals_are_sorted_sliced_and_written() -> None:
    rows = [
        Proposal("blur", "drop", 0.2, "r", "A", "A/1.jpg", values={"sharpness": 3.0}),
        Proposal(
            "label", "move", 0.5, 'says "so", he', "A", "A/2.jpg", target="B", box=(1, 2, 3, 4)
        ),
        Proposal("label", "drop", 0.9, "r", "A", "A/3.jpg", values={"own": float("nan")}),
    ]
    table = Proposals(rows)
    assert [row.picture for row in table] == ["A/3.jpg", "A/2.jpg", "A/1.jpg"]
    assert table.counts() == {"label": 2, "blur": 1}
    assert len(table[:2]) == 2
    assert table.of("blur")[0] is rows[0]
    assert repr(table) == "Proposals(2 label, 1 blur)"
    assert "A/3.jpg" in table._repr_html_()
    records = json.loads(json.dumps(list(table.records())))
    assert records[0]["values"] == {"own": None}
    assert records[1]["box"] == [1, 2, 3, 4]
    assert table.csv().splitlines()[2].endswith('"says ""so"", he"')
    with pytest.raises(OptionError, match="wanted one of merge, label"):
        table.of("wrong")  # type: ignore[arg-type]
    assert set(KINDS) >= {row.kind for row in rows}


@pytest.mark.parametrize(
    ("name", "value"), [("bits", -1), ("bits", 300), ("near", 0), ("near", 2), ("merges", -1)]
)
def test_options_are_checked(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"{name}: wanted"):
        CleanOptions(**{name: value})


def obama(pictures: dict[str, np.ndarray]) -> list[np.ndarray]:
    found = [image for name, image in sorted(pictures.items()) if "obama" in name]
    if len(found) < 3:
        pytest.skip("the fetched pictures are not here (tools/fetch_pictures.py)")
    return found


def people_tree(root: Path, pictures: dict[str, np.ndarray]) -> Path:
    """Write a folder per person with a duplicate, a flip, a blank and a damaged picture."""
    faces = obama(pictures)
    astronaut = Image.fromarray(pictures["astronaut.png"])
    hopper = Image.fromarray(pictures["grace_hopper.jpg"])
    for name in ("obama", "collins", "hopper"):
        (root / name).mkdir(parents=True)
    for number, face in enumerate(faces):
        Image.fromarray(face).save(root / "obama" / f"{number}.jpg", quality=92)
    astronaut.save(root / "obama" / "flip.png")  # is Collins
    Image.fromarray(resized(faces[0], 300)).save(root / "obama" / "scaled.jpg", quality=80)
    astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "collins" / "1.png")
    astronaut.crop((60, 0, 400, 340)).save(root / "collins" / "2.png")
    astronaut.rotate(8).save(root / "collins" / "3.png")
    hopper.save(root / "hopper" / "1.png")
    (root / "hopper" / "copy.png").write_bytes((root / "hopper" / "1.png").read_bytes())
    Image.new("RGB", (80, 80), (9, 90, 200)).save(root / "hopper" / "blank.png")
    (root / "hopper" / "broken.jpg").write_bytes(b"no picture")
    (root / "notes.txt").write_text("not of anybody")
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    return people_tree(tmp_path_factory.mktemp("people") / "set", pictures)


def test_a_tree_of_real_pictures_gets_the_right_proposals(tree: Path) -> None:
    cleaning = propose(tree)
    found = cleaning.proposals
    assert cleaning.ranking[0] == "obama/flip.png"
    (flip,) = (row for row in found.of("label") if row.picture == "obama/flip.png")
    assert (flip.action, flip.target) == ("move", "collins")
    assert flip.values["outside"] == 1
    assert [(row.picture, row.other) for row in found.of("duplicate")] == [
        ("hopper/copy.png", "hopper/1.png")
    ]
    near = {row.picture: row.other for row in found.of("near-duplicate")}
    assert near["obama/scaled.jpg"] == "obama/0.jpg"
    assert [row.picture for row in found.of("no-face")] == ["hopper/blank.png"]
    (broken,) = found.of("unreadable")
    assert "not a picture" in broken.reason
    assert not found.of("merge")
    lines = cleaning.ranking_csv().splitlines()
    assert len(lines) == 1 + len(cleaning.ranked)
    assert lines[1].startswith("obama/flip.png,obama,")


def test_the_same_person_under_two_names_is_proposed_to_be_merged(
    tmp_path: Path, tree: Path, pictures: dict[str, np.ndarray]
) -> None:
    root = people_tree(tmp_path / "set", pictures)
    (root / "obama" / "flip.png").unlink()
    (root / "barack").mkdir()
    (root / "obama" / "1.jpg").rename(root / "barack" / "1.jpg")
    first = propose(root).proposals.of("merge")[0]
    assert (first.identity, first.target) == ("barack", "obama")


def test_several_blurred_and_small_faces_are_measured(
    tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    face = Image.fromarray(pictures["astronaut.png"]).crop((100, 0, 356, 256))
    root = tmp_path / "set"
    (root / "collins").mkdir(parents=True)
    face.save(root / "collins" / "1.png")
    face.filter(ImageFilter.GaussianBlur(3)).save(root / "collins" / "blurred.png")
    other = (
        Image.fromarray(pictures["grace_hopper.jpg"]).crop((100, 0, 456, 356)).resize((256, 256))
    )
    both = Image.new("RGB", (512, 256))
    both.paste(other, (0, 0))
    both.paste(face, (256, 0))
    both.save(root / "collins" / "both.png")
    options = CleanOptions(smallest=150)
    cleaning = propose(root, options=options)
    (several,) = cleaning.proposals.of("several-faces")
    assert several.picture == "collins/both.png"
    assert several.values["faces"] == 2
    assert several.box is not None
    assert several.box[0] >= 256  # Collins is on the right
    assert several.values["distance"] < 0.4 < several.values["next"]
    (blur,) = cleaning.proposals.of("blur")
    assert blur.picture == "collins/blurred.png"
    assert blur.values["sharpness"] < 20
    assert {row.picture for row in cleaning.proposals.of("small")} == {
        "collins/1.png", "collins/blurred.png", "collins/both.png",
    }  # fmt: skip
    side = cleaning.proposals.of("small")[0].values["side"]
    assert 60 < side < 150


def test_trees_without_people_and_tables_without_descriptors_say_so(
    tmp_path: Path, tree: Path
) -> None:
    with pytest.raises(OptionError, match="wanted a folder with a folder per person"):
        propose(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="no pictures in folders of persons"):
        propose(tmp_path / "empty")
    with pytest.raises(OptionError, match="name a descriptor model"):
        propose(tree, recipe=make_recipe(landmarks=None, descriptor=None))


def test_links_are_left_out_and_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "a" / "deep" / "1.jpg").write_bytes(b"1")
    (root / "a" / ".2.jpg").write_bytes(b"2")
    (root / ".phiz-clean").mkdir()
    (root / ".phiz-clean" / "3.jpg").write_bytes(b"3")
    (root / "4.jpg").write_bytes(b"4")
    (root / "a" / "5.jpg").symlink_to(root / "4.jpg")
    (root / "b").symlink_to(root / "a")
    tree = read_tree(root)
    assert tree.files == ("4.jpg", "a/.2.jpg", "a/deep/1.jpg")
    assert tree.pictures == ("a/deep/1.jpg",)
    assert tree.identities == ("a",)
    assert tree.left_out == ("a/5.jpg", "b")


def test_pictures_without_any_face_can_be_judged(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (90, 90), (200, 9, 9)).save(root / name / "1.png")
    tree = read_tree(root)
    tables = [
        FaceTable.of_picture(Picture(name, name, 90, 90), settings_hash="s")
        for name in tree.pictures
    ]
    cleaning = judge(tree, tables, [Measures(None, ())] * 2)
    assert cleaning.proposals.counts() == {"no-face": 2}
    assert cleaning.ranking == []
