"""Face tables as Arrow tables and Parquet files: round trips, streams, and hostile files."""

from __future__ import annotations

import dataclasses
import io
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import phiz
from phiz.arrow import read_parquet, write_parquet, writing_parquet
from phiz.errors import FormatError, MissingExtra, ShapeError, SpaceError
from phiz.table import FaceTable, Picture
from tests.test_cli import run

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> FaceTable:
    """Tables of any columns, whose faces may be in any order."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    pictures = draw(
        st.lists(
            st.builds(
                Picture,
                source=NAMES,
                content_hash=NAMES,
                width=st.integers(0, 10**6),
                height=st.integers(0, 10**6),
                frame=st.none() | st.integers(0, 2**40),
                time=st.none() | st.floats(0, 1e6),
                error=st.none() | NAMES,
            ),
            max_size=6,
        )
    )
    count = draw(st.integers(0, 9)) if pictures else 0
    owner = random.integers(0, max(len(pictures), 1), count)
    if draw(st.booleans()):
        owner.sort()

    def numbers(*shape: int) -> Any:
        return random.standard_normal((count, *shape)).astype(np.float32)

    words = np.array([draw(NAMES) for _ in range(count)], np.str_)
    attributes = {
        "age.years": numbers(),
        "wide": random.standard_normal((count, 2, 3)),
        "number": random.integers(-9, 9, count).astype(np.int16),
        "truth": random.random((count, 4)) < 0.5,
        "näme": words,
        "pairs": np.stack([words, words[::-1]], axis=1),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(attributes))))
    described = draw(st.booleans())
    return FaceTable(
        tuple(pictures),
        owner.astype(np.int64),
        random.integers(0, 5, count),
        numbers(4),
        numbers(),
        np.array([draw(NAMES) for _ in range(count)], np.str_),
        numbers(5, 2) if described else None,
        "dlib-5" if described else None,
        numbers(7) if described else None,
        "space" if described else None,
        draw(st.sampled_from(["euclidean", "cosine"])) if described else "euclidean",
        draw(st.floats(0.1, 2)) if described else None,
        {name: attributes[name] for name in sorted(chosen)},
        draw(NAMES),
    )


def same(one: FaceTable, other: FaceTable) -> None:
    for field in dataclasses.fields(FaceTable):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "attributes":
            assert list(mine) == list(theirs)
            for name in mine:
                np.testing.assert_array_equal(mine[name], theirs[name], strict=False)
                assert mine[name].dtype.kind == theirs[name].dtype.kind
                assert (
                    mine[name].dtype.itemsize == theirs[name].dtype.itemsize
                    or not len(one)
                    or (mine[name].dtype.kind == "U")
                )
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype.kind == theirs.dtype.kind
        else:
            assert mine == theirs, field.name


@given(tables())
def test_arrow_tables_read_back_equal(table: FaceTable) -> None:
    arrow = table.to_arrow()
    assert arrow.schema.metadata[b"phiz.schema"] == b"1"
    faceless = len(table.pictures) - len(set(table.picture.tolist()))
    assert arrow.num_rows == len(table) + faceless
    assert arrow["face_id"].drop_null().to_pylist() == table.face_id
    same(FaceTable.from_arrow(arrow), table)


@settings(max_examples=40)
@given(tables())
def test_parquet_files_read_back_equal(table: FaceTable) -> None:
    with pytest.MonkeyPatch.context() as patch:
        from phiz.arrow import reading, writing

        patch.setattr(writing, "_GROUP", 4)
        patch.setattr(reading, "_BATCH", 3)
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "faces.parquet")
            write_parquet(path, table)
            same(read_parquet(path), table)
            assert [entry.name for entry in Path(folder).iterdir()] == ["faces.parquet"]


def stream(random: np.random.Generator, count: int) -> list[FaceTable]:
    """Tables of one picture each: errors first, then pictures with no face, one, or more."""
    found = []
    for number in range(count):
        if number < 3 or number % 5 == 4:
            picture = Picture(f"{number}.jpg", error=f"{number}.jpg: damaged")
            found.append(FaceTable.of_picture(picture))
            continue
        faces = int(random.integers(0, 4))
        table = FaceTable.of_picture(
            Picture(f"{number}.jpg", f"hash{number}", 640, 480, number, number / 25),
            phiz.Faces(
                random.random((faces, 4)).astype(np.float32),
                random.random(faces).astype(np.float32),
                ("front",) * faces,
            ),
            phiz.Landmarks(random.random((faces, 5, 2)).astype(np.float32), "dlib-5"),
            phiz.Descriptors(random.random((faces, 128)).astype(np.float32), "s", threshold=0.6),
            settings_hash="x",
        )
        crops = np.array([f"{number}_{rank}.png" for rank in range(faces)], np.str_)
        found.append(dataclasses.replace(table, attributes={"crop": crops}))
    return found


def test_streams_become_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phiz.arrow import writing

    monkeypatch.setattr(writing, "_GROUP", 16)
    parts = stream(np.random.default_rng(0), 60)
    path = tmp_path / "faces.parquet"
    write_parquet(path, iter(parts))
    meta = pq.read_metadata(path)
    assert meta.num_row_groups >= 4
    assert max(meta.row_group(i).num_rows for i in range(meta.num_row_groups)) <= 16
    table = read_parquet(path)
    assert [picture for part in parts for picture in part.pictures] == list(table.pictures)
    full = [part for part in parts if len(part)]
    whole = FaceTable.concat(full)
    for name in ("boxes", "scores", "labels", "landmarks", "descriptors", "rank"):
        np.testing.assert_array_equal(getattr(table, name), getattr(whole, name))
    np.testing.assert_array_equal(table.attributes["crop"], whole.attributes["crop"])
    assert table.source == whole.source
    assert (table.space, table.threshold, table.scheme) == ("s", 0.6, "dlib-5")
    assert table.settings_hash == "x"


def test_texts_too_many_for_a_dictionary_read_back(tmp_path: Path) -> None:
    """Beyond a megabyte Parquet writes a column's texts one by one."""
    count = 20_000
    names = np.array([f"{number:0100}.png" for number in range(count)], np.str_)
    table = FaceTable(
        (Picture("a"),), np.zeros(count, np.int64), np.arange(count),
        np.zeros((count, 4), np.float32), np.zeros(count, np.float32), names,
        attributes={"crop": names, "pairs": np.stack([names, names], axis=1)},
    )  # fmt: skip
    write_parquet(tmp_path / "a.parquet", table)
    same(read_parquet(tmp_path / "a.parquet"), table)


@pytest.mark.parametrize("parts", [[], stream(np.random.default_rng(0), 3)], ids=["none", "errors"])
def test_streams_without_a_face_are_files_too(tmp_path: Path, parts: list[FaceTable]) -> None:
    path = tmp_path / "faces.parquet"
    write_parquet(path, parts)
    table = read_parquet(path)
    assert len(table) == 0
    assert [picture.error for picture in table.pictures] == [
        f"{number}.jpg: damaged" for number in range(len(parts))
    ]


def test_another_reader_reads_the_same(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    parts = stream(np.random.default_rng(1), 40)
    path = tmp_path / "faces.parquet"
    write_parquet(path, parts)
    database = duckdb.connect()

    def ask(words: str) -> list[Any]:
        return database.execute(words.format(f"read_parquet('{path}')")).fetchall()

    whole = FaceTable.concat([part for part in parts if len(part)])
    rows = ask(
        "SELECT face_id, source, score, box, descriptor, landmarks[3][2], attributes.crop, label, "
        "frame, time, width FROM {} WHERE face_id IS NOT NULL"
    )
    assert len(rows) == len(whole) > 20
    for i, row in enumerate(rows):
        assert row[:2] == (whole.face_id[i], whole.source[i])
        assert np.float32(row[2]) == whole.scores[i]
        np.testing.assert_array_equal(np.array(row[3], np.float32), whole.boxes[i])
        np.testing.assert_array_equal(np.array(row[4], np.float32), whole.descriptors[i])
        assert np.float32(row[5]) == whole.landmarks[i][2][1]
        assert row[6:] == (whole.attributes["crop"][i], "front", whole.frame[i], whole.time[i], 640)
    errors = ask("SELECT source, error FROM {} WHERE error IS NOT NULL ORDER BY picture")
    assert errors == [(p.source, p.error) for part in parts for p in part.pictures if p.error]
    assert ask("SELECT count(DISTINCT picture) FROM {}") == [(40,)]
    ((version,),) = database.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata('{path}') WHERE decode(key) = 'phiz.schema'"
    ).fetchall()
    assert version == "1"


def test_names_that_are_no_utf_8_are_spelled(tmp_path: Path) -> None:
    table = FaceTable.of_picture(Picture("caf\udce9.jpg"))
    write_parquet(tmp_path / "a.parquet", table)
    assert read_parquet(tmp_path / "a.parquet").pictures[0].source == "caf\\udce9.jpg"


def test_tables_of_other_models_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    one = stream(np.random.default_rng(0), 9)
    other = dataclasses.replace(one[5], settings_hash="y")
    assert len(other)
    with pytest.raises(SpaceError, match="different models"):
        write_parquet(tmp_path / "a.parquet", [*one, other])

    def interrupted() -> None:
        with writing_parquet(tmp_path / "b.parquet") as write:
            write(one[5])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "column", [np.array([object()]), np.zeros((1, 0), np.float32), np.zeros(1, np.complex64)]
)
def test_columns_that_arrow_cannot_hold_are_refused(column: np.ndarray) -> None:
    part = stream(np.random.default_rng(0), 9)[5][[0]]
    with pytest.raises(ShapeError, match="odd"):
        dataclasses.replace(part, attributes={"odd": column}).to_arrow()


def test_the_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    table = FaceTable.of_picture(Picture("a"))
    for work in (
        table.to_arrow,
        lambda: write_parquet(tmp_path / "a.parquet", table),
        lambda: read_parquet(tmp_path / "a.parquet"),
    ):
        with pytest.raises(MissingExtra, match=r"pip install 'phiz\[arrow\]'"):
            work()
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_does_not_load_pyarrow() -> None:
    code = "import phiz.arrow, phiz.table, sys; assert 'pyarrow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def whole() -> Any:
    parts = stream(np.random.default_rng(0), 30)
    return FaceTable.concat([part for part in parts if len(part)]).to_arrow()


def nulled(table: Any, name: str) -> Any:
    place = table.schema.get_field_index(name)
    kind = table.schema.field(name).type
    return table.set_column(place, name, pa.nulls(table.num_rows, kind))


def cast(table: Any, name: str, kind: Any) -> Any:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.nulls(table.num_rows, kind))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace_schema_metadata({}), "wanted phiz.schema 1, found none"),
        (lambda t: t.replace_schema_metadata({"phiz.schema": "2"}), "phiz.schema 1, found 2"),
        (lambda t: t.replace_schema_metadata({"phiz.schema": "1", "phiz.metric": "x"}), "'x'"),
        (lambda t: t.replace_schema_metadata({"phiz.schema": "1", "phiz.threshold": "x"}), "thre"),
        (lambda t: t.drop_columns(["box"]), "one column box, found 0"),
        (lambda t: t.append_column("box", t["box"]), "one column box, found 2"),
        (lambda t: cast(t, "box", pa.list_(pa.float32(), 5)), "column box: float32 of shape"),
        (lambda t: cast(t, "box", pa.list_(pa.float32())), "column box"),
        (lambda t: cast(t, "score", pa.float64()), "column score"),
        (lambda t: cast(t, "source", pa.int64()), "column source: texts, found int64"),
        (lambda t: cast(t, "landmarks", pa.list_(pa.float32(), 10)), "column landmarks"),
        (lambda t: cast(t, "attributes", pa.string()), "attributes: a struct"),
        (lambda t: cast(t, "attributes", pa.struct({"a": pa.date32()})), "attribute a"),
        (lambda t: nulled(t, "score"), "column score: a value for each face, found null"),
        (lambda t: nulled(t, "attributes"), "attributes.crop: a value for each face"),
        (lambda t: nulled(t, "picture"), "column picture: a number in each row"),
        (lambda t: nulled(t, "source"), "source, content_hash, width and height"),
        (lambda t: t.set_column(1, "picture", pa.array([-1] * t.num_rows)), "found picture -1"),
        (lambda t: t.set_column(
            t.schema.get_field_index("descriptor"), "descriptor",
            pa.nulls(t.num_rows, pa.list_(pa.float32(), 128))), "column descriptor"),
    ],
)  # fmt: skip
def test_files_that_are_not_ours_say_what_is_wrong(
    whole: Any, tmp_path: Path, change: Any, said: str
) -> None:
    path = tmp_path / "a.parquet"
    changed = change(whole)
    with pytest.raises(FormatError, match="the Arrow table") as caught:
        FaceTable.from_arrow(changed)
    assert said in str(caught.value)
    if len(set(changed.schema.names)) == len(changed.schema.names):
        pq.write_table(changed, path)
        with pytest.raises(FormatError, match=r"a\.parquet") as caught:
            read_parquet(path)
        # Before version 25 Arrow itself cannot read lists of a fixed size that are null.
        assert said in str(caught.value) or "Expected all lists" in str(caught.value)


def test_rows_of_two_spaces_are_refused(whole: Any) -> None:
    other = cast(whole, "space", pa.string())
    place = other.schema.get_field_index("space")
    other = other.set_column(place, "space", pa.array(["t"] * whole.num_rows))
    with pytest.raises(SpaceError, match="different models"):
        FaceTable.from_arrow(pa.concat_tables([whole, other]))


def test_chosen_rows_read_back(whole: Any) -> None:
    table = FaceTable.from_arrow(whole)
    rows = [7, 3, 5]
    some = FaceTable.from_arrow(whole.take(pa.array(rows)))
    assert some.face_id == [table.face_id[row] for row in rows]
    assert some.source == [table.source[row] for row in rows]
    np.testing.assert_array_equal(some.descriptors, table.descriptors[rows])


def parquet_bytes(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


@settings(max_examples=100)
@given(st.data())
def test_damaged_files_are_format_errors(whole: Any, data: st.DataObject) -> None:
    content = bytearray(parquet_bytes(whole, compression="zstd", row_group_size=8))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            tail = data.draw(st.booleans())  # most of what can be wrong is in the footer
            least = len(content) - 4000 if tail else 0
            content[data.draw(st.integers(max(least, 0), len(content) - 1))] = data.draw(
                st.integers(0, 255)
            )
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        file.flush()
        try:
            table = read_parquet(file.name)
        except (FormatError, SpaceError):
            return
        assert isinstance(table, FaceTable)


def bomb(kind: str, whole: Any) -> Any:
    """Return rows that take little room in a file and much in memory."""
    if kind == "rows":
        return pa.concat_tables([whole.slice(0, 1)] * 100).take(
            pa.array(np.zeros(2_000_000, np.int64))
        )
    if kind == "attribute":
        rows = whole.take(pa.array(np.zeros(20_000, np.int64)))
        long = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(20_000, np.int32)), pa.array(["x" * 1_000_000])
        )
        texts = pa.StructArray.from_arrays([long], names=["crop"])
    else:
        rows = whole.take(pa.array(np.zeros(20_000, np.int64)))
        long = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(200_000, np.int32)), pa.array(["x" * 1_000_000])
        )
        texts = pa.StructArray.from_arrays(
            [pa.FixedSizeListArray.from_arrays(long, 10)], names=["crop"]
        )
    return rows.set_column(rows.schema.get_field_index("attributes"), "attributes", texts)


@pytest.mark.parametrize("kind", ["rows", "attribute", "texts in lists"])
def test_small_files_do_not_become_large_tables(kind: str, whole: Any, tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    path.write_bytes(parquet_bytes(bomb(kind, whole), compression="zstd"))
    assert path.stat().st_size < 20_000_000
    code = (
        "import sys, resource, phiz, pyarrow.parquet\n"
        "from phiz.arrow import read_parquet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_parquet(sys.argv[1])\n"
        "except phiz.FormatError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
    )  # fmt: skip
    said, grown = done.stdout.splitlines()
    assert "bytes unpacked" in said
    assert int(grown) * 1024 < 4 * path.stat().st_size + (256 << 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    """A damaged picture first, a face, none, and a folder of one known person."""
    root = tmp_path_factory.mktemp("in")
    face = Image.fromarray(pictures["astronaut.png"][:320, 60:380])
    (root / "a.png").write_bytes(b"damaged")
    face.save(root / "b.png")
    Image.new("RGB", (60, 60)).save(root / "c.png")
    (root / "people" / "Eileen").mkdir(parents=True)
    face.save(root / "people" / "Eileen" / "d.png")
    return root


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        ("detect", {}),
        ("landmarks", {}),
        ("describe", {}),
        ("crop --out {out}", {"crop": "{out}/b_0.png"}),
        ("redact --out {out}", {}),
        ("cluster", {"person": 0}),
        ("attributes --age", {"cydral-age-v1": 33, "cydral-age-v1.score": None}),
        ("identify {folder}/people", {"name": "Eileen", "distance": 0.0, "candidates": ["Eileen"]}),
    ],
)
def test_commands_write_what_they_find(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path, words: str, columns: dict[str, Any]
) -> None:
    out, path = tmp_path / "out", tmp_path / "faces.parquet"
    split = [word.format(out=out, folder=folder) for word in words.split()]
    names = [folder / f"{name}.png" for name in "abc"]
    assert run(capsys, *split, *names, "--parquet", path)[0] == 1
    table = read_parquet(path)
    assert [picture.source for picture in table.pictures] == [str(name) for name in names]
    assert [picture.error is None for picture in table.pictures] == [False, True, True]
    expected = phiz.analyze(folder / "b.png")
    np.testing.assert_array_equal(table.boxes, expected.boxes)
    assert table.face_id == expected.face_id
    assert (table.landmarks is None) == (words.split()[0] in ("detect", "redact"))
    if table.descriptors is not None:
        np.testing.assert_array_equal(table.descriptors, expected.descriptors)
        assert table.threshold == 0.6
    assert table.settings_hash
    for name, value in columns.items():
        (found,) = table.attributes[name]
        if name == "cydral-age-v1":
            assert found == pytest.approx(value, abs=15)
        elif value is not None:
            assert np.all(found == (value.format(out=out) if isinstance(value, str) else value))


def test_what_cannot_be_written_is_told_before_any_work(
    capsys: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target, said in ((tmp_path, "found a folder"), ("a.jpg", "found the name of a picture")):
        code, out, err = run(capsys, "detect", folder, "--parquet", target)
        assert (code, out) == (2, "")
        assert said in err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for command in (["cluster"], ["identify", folder / "people"]):
        code, out, err = run(capsys, *command, folder, "--parquet", tmp_path / "a.parquet")
        assert (code, out) == (2, "")
        assert "pip install 'phiz[arrow]'" in err
    assert list(tmp_path.iterdir()) == []
