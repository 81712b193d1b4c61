"""README and docs run: Python blocks from top to bottom, and every ``phiz`` line of the others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phiz.cli import main
from tests import dlib_writer as write
from tests.sources import ROOT, faceapi_manifest, weight_file

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return the line and text of each block in a language."""
    text = page.read_text()
    return [
        (text.count("\n", 0, match.start(2)) + 1, match.group(2))
        for match in _BLOCK.finditer(text)
        if match.group(1) == language
    ]


@pytest.fixture
def workplace(
    tmp_path: Path, pictures: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the files that the pages name."""
    party, portrait = (Image.fromarray(pictures[n]) for n in ("astronaut.png", "grace_hopper.jpg"))
    for name, image in (("party", party), ("passport", portrait), ("selfie", portrait)):
        image.save(tmp_path / f"{name}.jpg", quality=95)
    (tmp_path / "holiday").mkdir()
    party.save(tmp_path / "holiday" / "beach.png")
    for name, image in (("Eileen", party), ("Grace", portrait)):
        (tmp_path / "friends" / name).mkdir(parents=True)
        image.save(tmp_path / "friends" / name / "one.jpg")
    for name, image in (("staff/Eileen/1", party), ("staff/Grace/1", portrait)):
        for number, flipped in enumerate((image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))):
            path = tmp_path / f"{name}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            flipped.save(path)
    shutil.copytree(tmp_path / "staff", tmp_path / "visitors")
    pairs = ["left,right,same", "Eileen/10.png,Eileen/11.png,1", "Grace/10.png,Eileen/11.png,0"]
    (tmp_path / "pairs.csv").write_text("\n".join(pairs))
    (tmp_path / "mine.svm").write_bytes(write.fhog_detector())
    shutil.copy(weight_file("dlib-face-resnet-v1"), tmp_path)
    manifest = faceapi_manifest("ssd_mobilenetv1_model")
    if manifest is not None and "PHIZ_MODEL_DIR" not in os.environ:
        monkeypatch.setenv("PHIZ_MODEL_DIR", str(manifest.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, workplace: Path) -> None:
    if "faceapi" in page.name and faceapi_manifest("ssd_mobilenetv1_model") is None:
        pytest.skip("face-api.js's weights are not here (tools/fetch_faceapi.py)")
    if page.name == "tables.md":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    names: dict[str, object] = {"__name__": "documentation"}
    for line, code in blocks(page, "python"):
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run(page: Path, workplace: Path) -> None:
    if page.name == "tables.md":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for line, text in blocks(page, "sh"):
        for number, command in enumerate(text.splitlines()):
            words = shlex.split(command, comments=True)
            assert words[0] == "phiz", f"{page.name}:{line + number}"
            assert main(words[1:]) == 0, f"{page.name}:{line + number}: {command}"


def test_pages_have_something_to_run() -> None:
    assert sum(len(blocks(page, "python")) + len(blocks(page, "sh")) for page in PAGES) >= 10


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 70


def test_examples_in_docstrings_are_right() -> None:
    import doctest

    from phiz.clustering import whispers
    from phiz.graph import arch, builder

    results = [doctest.testmod(module) for module in (arch, builder, whispers)]
    assert [result.failed for result in results] == [0, 0, 0]
    assert sum(result.attempted for result in results) >= 8
