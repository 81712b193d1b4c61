"""face_recognition's own tests, and face_recognition itself, run unmodified on phiz.

``tools/fetch_face_recognition.py`` fetches both.  What stands in for a package is put in front of
the installed ones by PYTHONPATH, so that dlib-bin, which is installed, is not used.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import phiz
from tests.sources import ROOT

PACKAGES = ROOT / "packages"
FETCHED = Path(os.environ.get("PHIZ_FACE_RECOGNITION", ROOT / ".cache" / "face_recognition"))
SOURCE = str(Path(phiz.__file__).parents[1])
STAND_INS = {name: str(PACKAGES / name / "src") for name in ("phiz-face-recognition", "phiz-dlib")}
needs_source = pytest.mark.skipif(
    not (FETCHED / "suite" / "tests").is_dir(),
    reason="face_recognition's source is not here (tools/fetch_face_recognition.py)",
)


def python(code: str, *paths: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that looks for modules in these folders first."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((*paths, SOURCE))},
        capture_output=True,
        text=True,
        check=False,
    )


SUITE = """
import sys, unittest
program = unittest.main("tests.test_face_recognition", exit=False)
import face_recognition
print("loaded", face_recognition.__name__)
print("dlib", getattr(sys.modules.get("dlib"), "__name__", None))
sys.exit(not program.result.wasSuccessful())
"""


@needs_source
@pytest.mark.parametrize(
    ("paths", "loaded", "dlib"),
    [
        ((STAND_INS["phiz-face-recognition"],), "phiz.compat.face_recognition", None),
        (
            (STAND_INS["phiz-dlib"], str(FETCHED / "source")),
            "face_recognition",
            "phiz.compat.dlib",
        ),
    ],
    ids=["functions", "unmodified on the dlib module"],
)
def test_the_originals_tests(paths: tuple[str, ...], loaded: str, dlib: str | None) -> None:
    done = python(SUITE, *paths, folder=FETCHED / "suite")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Ran 30 tests", done.stderr, re.MULTILINE), done.stderr
    assert done.stdout.splitlines()[-2:] == [f"loaded {loaded}", f"dlib {dlib}"]


SAME = """
import importlib, sys
for name, target in {names!r}.items():
    assert importlib.import_module(name) is importlib.import_module(target), name
    assert sys.modules[target].__spec__.name == target
"""


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (
            "phiz-face-recognition",
            {
                f"face_recognition{part}": f"phiz.compat.face_recognition{part}"
                for part in ("", ".api", ".face_recognition_cli", ".face_detection_cli")
            },
        ),
        ("phiz-dlib", {"dlib": "phiz.compat.dlib", "_dlib_pybind11": "phiz.compat.dlib"}),
    ],
)
def test_names_lead_to_the_same_modules(package: str, names: dict[str, str]) -> None:
    for order in (names, dict(reversed(names.items()))):
        done = python(SAME.format(names=order), STAND_INS[package])
        assert done.returncode == 0, done.stderr


def test_a_module_runs_as_a_program() -> None:
    run = "import runpy, sys; sys.argv[1:] = ['--help']\n"
    run += "runpy.run_module('face_recognition.face_detection_cli', run_name='__main__')"
    done = python(run, STAND_INS["phiz-face-recognition"])
    assert done.returncode == 0, done.stderr
    assert "IMAGE_TO_CHECK" in done.stdout
    gone = python("import face_recognition.nothing", STAND_INS["phiz-face-recognition"])
    assert "No module named 'face_recognition.nothing'" in gone.stderr


def installed(folder: Path, distribution: str) -> None:
    """Make a folder look as if this distribution were installed in it."""
    info = folder / f"{distribution}-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 9.9\n")


@pytest.mark.parametrize(
    ("package", "module", "other"),
    [
        ("phiz-dlib", "dlib", "dlib"),
        ("phiz-dlib", "dlib", "dlib_bin"),
        ("phiz-dlib", "_dlib_pybind11", "dlib_bin"),
        ("phiz-face-recognition", "face_recognition", "face_recognition"),
    ],
)
@pytest.mark.parametrize("last", ["phiz", "original"])
def test_two_packages_in_one_folder_are_refused(
    tmp_path: Path, package: str, module: str, other: str, last: str
) -> None:
    site = tmp_path / "site"
    for file in Path(STAND_INS[package]).rglob("*.py"):
        path = site / file.relative_to(STAND_INS[package])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.read_bytes())
    alone = python(f"import {module}", str(site))
    assert alone.returncode == 0, alone.stderr
    if last == "original":  # which overwrites what has the same name
        (site / "dlib").mkdir(exist_ok=True)
        (site / "dlib" / "__init__.py").write_text("from _dlib_pybind11 import *\n")
        (site / "face_recognition").mkdir(exist_ok=True)
        (site / "face_recognition" / "__init__.py").write_text("from .api import face_distance\n")
        (site / "face_recognition" / "api.py").write_text("face_distance = None\n")
    installed(site, other)
    done = python(f"import {module}", str(site))
    said = done.stderr
    assert done.returncode == 1
    spelt = other.replace("dlib_bin", "dlib-bin")
    assert f"ImportError: {package} and {spelt} 9.9 are both installed in {site}" in said
    assert f"pip uninstall --yes {package} {spelt}" in said
    # Installed elsewhere it is only hidden.
    hidden = python(f"import {module}", STAND_INS[package], str(site))
    assert hidden.returncode == 0, hidden.stderr


def test_the_versions_are_one() -> None:
    for name in STAND_INS:
        text = (PACKAGES / name / "pyproject.toml").read_text()
        assert f'version = "{phiz.__version__}"' in text
        assert re.search(rf'"phiz(\[weights68\])?=={re.escape(phiz.__version__)}"', text)
