"""Fixtures: the reference data, the oracle, pictures, and models loaded once."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

import phiz
from phiz import store
from phiz.nets import TFJS_ARCHITECTURES
from phiz.runtime import Runtime
from tests.sources import need_faceapi, registry_pictures, shared_folder

# Examples are small, but the first one may compile a kernel: nothing here is about time.
settings.register_profile("phiz", deadline=None)
settings.load_profile("phiz")

IN_CI = os.environ.get("PHIZ_CI", "") not in ("", "0")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """In continuous integration a skipped comparison with the oracle is a failure.

    Those that need the reference data as well can only run where that is.
    """
    report = yield
    bound = item.get_closest_marker("oracle") and not item.get_closest_marker("shared")
    if IN_CI and report.skipped and bound:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must not be skipped here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if folder is None:
        pytest.skip("the reference data folder is not here (../shared or PHIZ_SHARED)")
    return folder


@pytest.fixture(scope="session")
def dlib() -> Any:
    return pytest.importorskip("dlib", reason="the dlib-bin wheel is not installed")


@pytest.fixture(scope="session")
def pictures() -> dict[str, np.ndarray]:
    """Pictures with faces that registry packages carry, as (h, w, 3) uint8 RGB."""
    return {path.name: np.array(Image.open(path).convert("RGB")) for path in registry_pictures()}


@pytest.fixture(scope="session")
def detector() -> Any:
    return phiz.load("dlib-hog-frontal")


@pytest.fixture(scope="session")
def five_points() -> Any:
    return phiz.load("dlib-landmarks-5")


@pytest.fixture(scope="session")
def sixty_eight_points() -> Any:
    return phiz.load("dlib-landmarks-68")


@pytest.fixture(scope="session")
def describer() -> Any:
    return phiz.load("dlib-face-resnet-v1")


@pytest.fixture(scope="session")
def faceapi_runtime() -> Runtime:
    """A runtime that keeps face-api.js's models under their names, with the published weights."""
    runtime = Runtime(2)
    for name, arch in TFJS_ARCHITECTURES.items():
        manifest = need_faceapi(arch.file)
        runtime.keep(name, partial(phiz.load, manifest, runtime=runtime))
    return runtime


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for everything but compiled kernels, which take long to make."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PHIZ_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    """No package carries weights, and the cache is empty."""
    monkeypatch.setattr(store, "PACKAGES", ())
    monkeypatch.delenv("PHIZ_MODEL_DIR", raising=False)
    return own_cache


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine for a folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, directory=str(folder), **options)  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            del arguments

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()
