"""phiz clean and phiz clean apply: output, the page, exit codes, and what happens to bad input."""

from __future__ import annotations

import base64
import csv
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiz.cleaning import propose
from phiz.cli import clean_page, main
from phiz.imaging import decode
from tests.test_cleaning import people_tree
from tests.test_cli import run


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    root = people_tree(tmp_path_factory.mktemp("people") / "set", pictures)
    # A name that would end a script, or begin a tag, if a page took it as it is.
    (root / "hopper" / "1.png").rename(root / "hopper" / "<script>&'\".png")
    (root / "hopper" / "copy.png").rename(root / "hopper" / "<!-- copy.png")
    (root / "collins" / "link.png").symlink_to(root / "obama" / "flip.png")
    return root


class Parsed(html.parser.HTMLParser):
    """The parts of a page: its tags with what they name, and its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data = self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if dict(attrs).get("id") == "data" else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.inside = ""

    def handle_data(self, data: str) -> None:
        self.data += data if self.inside else ""


def page_data(path: Path) -> dict[str, Any]:
    """Return what a page shows; it must hold no markup but its own and ask for nothing."""
    text = path.read_text()
    page = Parsed(text)
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert not [at for _, at in page.tags if at.keys() & {"src", "href", "action"}]
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text)
    return json.loads(page.data)


def test_clean_writes_tables_and_a_page(
    capsys: Any, tree: Path, tmp_path: Path, own_cache: Path
) -> None:
    before = sorted(path.name for path in tree.rglob("*"))
    code, out, err = run(capsys, "clean", tree, "--out", tmp_path / "review")
    assert code == 1
    assert "hopper/broken.jpg: not a picture" in err
    assert "could not be read" in err
    assert "left out 1 symbolic link" in err
    assert "obama/flip.png: " in out.split("label: ")[1]
    rows = list(csv.DictReader((tmp_path / "review" / "proposals.csv").open(newline="")))
    lines = (tmp_path / "review" / "proposals.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [(row["kind"], row["picture"]) for row in rows] == [
        (record["kind"], record["picture"] or "") for record in records
    ]
    ranking = list(csv.DictReader((tmp_path / "review" / "ranking.csv").open(newline="")))
    assert ranking[0]["picture"] == "obama/flip.png"
    assert ranking[0]["nearest"] == "collins"
    data = page_data(tmp_path / "review" / "review.html")
    assert data["root"] == str(tree)
    cards = {card.get("picture"): card for card in data["cards"]}
    assert {record["picture"] for record in records if record["picture"]} == set(cards)
    (copy,) = [card for card in data["cards"] if card.get("other", "").startswith("hopper/")]
    assert {copy["picture"], copy["other"]} == {"hopper/<script>&'\".png", "hopper/<!-- copy.png"}
    assert cards["obama/flip.png"]["target"] == "collins"
    for url, _ in data["images"]:
        if url:
            kind, _, text = url.partition(",")
            assert kind == "data:image/jpeg;base64"
            assert max(decode(base64.b64decode(text)).shape) <= 224
    assert sorted(path.name for path in tree.rglob("*")) == before
    code, text, _ = run(capsys, "clean", tree, "--json")
    assert code == 1
    assert [json.loads(line) for line in text.splitlines()] == records


def test_pages_are_bounded(
    capsys: Any, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_page, "_CARDS", 2)
    run(capsys, "clean", tree, "--out", tmp_path)
    pages = sorted(tmp_path.glob("review*.html"))
    assert {"review.html", "review-2.html", "review-3.html"} <= {page.name for page in pages}
    first, second = page_data(tmp_path / "review.html"), page_data(tmp_path / "review-2.html")
    assert (first["file"], second["file"]) == ("decisions.json", "decisions-2.json")
    assert [len(first["cards"]), len(second["cards"])] == [2, 2]
    keys = [card["key"] for page in pages for card in page_data(page)["cards"]]
    assert len(keys) == len(set(keys))
    shutil.rmtree(tmp_path)
    _, _, err = run(capsys, "clean", tree, "--out", tmp_path, "--pages", 1)
    assert not (tmp_path / "review-2.html").exists()
    left = len(keys) - 2
    assert f"{left} more to decide about are in proposals.csv only" in err
    assert page_data(tmp_path / "review.html")["more"].startswith(f"{left} more are in")


def test_clean_refuses_what_it_cannot_do(capsys: Any, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.jpg").write_bytes(b"of nobody")
    for words, message in [
        ((tmp_path / "nowhere",), "wanted a folder with a folder per person"),
        ((tmp_path / "flat",), "no pictures in folders of persons"),
        ((tree, "--out", tree / "review"), "wanted a folder apart from the data set"),
        ((tree, "--descriptor", "dlib-landmarks-5"), "descriptor model"),
    ]:
        code, _, err = run(capsys, "clean", *words)
        assert code == 2
        assert message in err
    assert run(capsys, "clean")[0] == 2
    assert not (tree / "review").exists()


def test_apply_and_undo(capsys: Any, tree: Path, tmp_path: Path) -> None:
    decisions, out = tmp_path / "decisions.json", tmp_path / "new"
    chosen = [
        {"action": "move", "picture": "obama/flip.png", "to": "collins"},
        {"action": "drop", "picture": "hopper/broken.jpg"},
    ]
    decisions.write_text(json.dumps({"schema": 1, "root": str(tree), "decisions": chosen}))
    code, text, err = run(capsys, "clean", "apply", decisions, "--out", out)
    assert code == 0
    assert text.startswith(f"{out}: ")
    assert "1 of them elsewhere than before, 1 dropped" in text
    assert "left out 1 names" in err
    assert (out / "collins" / "flip.png").is_file()
    assert not (out / "hopper" / "broken.jpg").exists()
    assert (out / "notes.txt").is_file()
    code, text, _ = run(capsys, "clean", "apply", decisions, "--out", out, "--json", "--link")
    assert code == 0
    assert json.loads(text) | {"files": 0} == {
        "schema": 1, "out": str(out), "files": 0, "written": 0, "moved": 1, "dropped": 1,
        "aside": 0, "left_out": 1,
    }  # fmt: skip
    code, text, _ = run(capsys, "clean", "apply", "--undo", "--out", out, "--json")
    assert (code, json.loads(text)["failed"]) == (0, [])
    assert [path.name for path in out.iterdir()] == [".phiz-clean"]
    code, _, err = run(capsys, "clean", "apply", "--undo", "--out", out)
    assert code == 2
    assert "no apply to take back" in err
    moved = tmp_path / "moved"
    shutil.copytree(tree, moved, symlinks=True)
    code, _, _ = run(capsys, "clean", "apply", decisions, "--out", out, "--dir", moved)
    assert code == 0
    (out / "collins" / "1.png").write_bytes(b"changed")
    code, _, err = run(capsys, "clean", "apply", "--undo", "--out", out)
    assert code == 1
    assert "collins/1.png: is not what" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.json"], "--out: wanted the folder of the new tree"),
        (["--out", "new"], "wanted a file of decisions"),
        (["nothing.json", "--out", "new"], "No such file"),
        (["nothing.json", "--out", "new", "--undo"], "--undo takes --out alone"),
        (["--out", "new", "--undo", "--link"], "--undo takes --out alone"),
    ],
)
def test_apply_refuses_what_it_cannot_do(
    capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "clean", "apply", *words)
    assert code == 2
    assert message in err
    assert not (tmp_path / "new").exists()


def test_help_shows_examples(capsys: Any) -> None:
    for words in (["clean", "--help"], ["clean", "propose", "-h"]):
        code, out, _ = run(capsys, *words)
        assert code == 0
        assert "phiz clean people/ --out review/" in out.split("Example:")[1]
        assert "--smallest" in out
    assert main(["clean", "apply", "--help"]) == 0
    assert "phiz clean apply decisions.json" in capsys.readouterr()[0].split("Example:")[1]


# In a browser, where one is here

_TOLD = """<script>
const press = key =>
  document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
%s
document.body.append(element('pre', 'RESULT' + JSON.stringify({
  decisions: decisions(), count: $('count').textContent, cards: list.map(card => card.title),
}) + 'END'));
</script></html>"""


def browse(page: Path, script: str) -> dict[str, Any]:
    """Open a page, do something, and return its decisions."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is here (chromium or google-chrome)")
    driven = page.with_name("driven.html")
    driven.write_text(page.read_text().replace("</html>", _TOLD % script))
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/user"]
    done = subprocess.run(
        [browser, *words, "--virtual-time-budget=5000", "--dump-dom", driven.as_uri()],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    found = re.search("<pre>RESULT(.*?)END</pre>", done.stdout, re.DOTALL)
    if found is None:
        pytest.skip(f"the browser does not run here: {done.stderr[-300:]}")
    return json.loads(html.unescape(found[1]))


def test_the_page_takes_decisions_by_keys_and_remembers_them(
    capsys: Any, tree: Path, tmp_path: Path
) -> None:
    run(capsys, "clean", tree, "--out", tmp_path)
    titles = [card["title"] for card in page_data(tmp_path / "review.html")["cards"]]
    number = titles.index("obama/flip.png")
    told = browse(tmp_path / "review.html", "press('j');" * number + "press('m'); press('k');")
    assert told["cards"] == titles
    assert told["count"] == f"2 of {len(titles)} decided"
    by_picture = {each["picture"]: each for each in told["decisions"]["decisions"]}
    assert by_picture["obama/flip.png"] == {
        "action": "move", "picture": "obama/flip.png", "to": "collins",
    }  # fmt: skip
    assert len(by_picture) == 2
    # A decision may be changed, taken back, or be about the other of two copies.
    (copy,) = [number for number, title in enumerate(titles) if title.startswith("hopper/<")]
    script = "press('j');" * copy + "press('d'); press('ArrowUp'); press('o');"
    again = browse(tmp_path / "review.html", script)
    actions = {each["picture"]: each["action"] for each in again["decisions"]["decisions"]}
    hopper = sorted(action for name, action in actions.items() if name.startswith("hopper/<"))
    assert hopper == ["drop", "keep"]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps(told["decisions"]))
    code, _, _ = run(capsys, "clean", "apply", path, "--out", tmp_path / "new")
    assert code == 0
    assert (tmp_path / "new" / "collins" / "flip.png").is_file()


def test_the_page_joins_merges_and_the_largest_name_stays(
    capsys: Any, tmp_path: Path, tree: Path
) -> None:
    cleaning = propose(tree)
    clean_page.write_pages(tmp_path, cleaning, most=1, max_pixels=10**8, progress=lambda _: None)
    script = """
      const join = (identity, into, ...sizes) =>
        put('merge ' + identity, { action: 'merge', identity, into, sizes });
      join('a', 'b', 2, 3); join('b', 'c', 3, 9); join('c2', 'a', 1, 2); join('x', 'y', 4, 4);
    """
    told = browse(tmp_path / "review.html", script)
    merges = {(each["identity"], each["into"]) for each in told["decisions"]["decisions"]}
    assert merges == {("a", "c"), ("b", "c"), ("c2", "c"), ("y", "x")}
