"""The public face: names, and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import phiz

HEAVY = ("onnxruntime", "numba", "llvmlite", "torch", "PIL", "fastapi", "typer", "rich")


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the modules it loaded."""
    tail = "\nimport sys\nsys.stderr.write('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_importing_phiz_loads_nothing_heavy() -> None:
    loaded = modules_after("import phiz; dir(phiz); phiz.__version__")
    assert not loaded & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "from phiz.cli import main\n"
        "for words in ([], ['cluster'], ['models'], ['clean'], ['clean', 'apply']):\n"
        "    assert main([*words, '--help']) == 0"
    )
    assert not modules_after(code) & {"onnxruntime", "numba", "llvmlite", "torch", "PIL"}


@pytest.mark.parametrize(
    ("model", "unused"),
    [
        ("dlib-landmarks-5", {"numba", "onnxruntime", "PIL"}),
        ("dlib-face-resnet-v1", {"numba", "PIL"}),
        ("dlib-hog-frontal", {"onnxruntime"}),
    ],
)
def test_loading_a_model_loads_only_what_it_needs(model: str, unused: set[str]) -> None:
    assert not modules_after(f"import phiz; phiz.load({model!r})") & unused


def test_every_public_name_is_there_and_documented() -> None:
    assert len(set(phiz.__all__)) == len(phiz.__all__)
    for name in phiz.__all__:
        value = getattr(phiz, name)
        assert name in dir(phiz)
        if name != "DLIB_150":
            assert value.__doc__, name
    assert {"load", "analyze", "verify", "cluster", "chinese_whispers", "align"} <= set(
        phiz.__all__
    )
    for room in ("pipeline", "clustering", "cleaning", "zoo"):
        assert getattr(phiz, room).__doc__


def test_names_that_do_not_exist_say_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        phiz.analyse  # type: ignore[attr-defined] # noqa: B018


def test_the_selftest_of_doctor_passes() -> None:
    from phiz.selftest import run_selftest

    checks = run_selftest()
    assert [check.name for check in checks if check.passed is not True] == []
    assert len(checks) == 5


def test_the_selftest_notices_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from phiz import selftest

    monkeypatch.setattr(selftest, "RECTANGLE", (61, 40, 159, 139))
    failed = {check.name: check.detail for check in selftest.run_selftest() if not check.passed}
    assert set(failed) == {"dlib-landmarks-5", "dlib-landmarks-68"}
    assert "points are off by" in failed["dlib-landmarks-5"]
