"""Speed, measured side by side: phiz and a reference take turns in one run.

Only ratios of medians mean something on a machine that does other things too.  The reference runs
in its own process and times itself, with as many threads as phiz may use.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phiz.checks import U8
from phiz.errors import ModelNotFound, OptionError
from phiz.imaging import read_image
from phiz.loading import load
from phiz.runtime import default_runtime
from phiz.selftest import pattern

__all__ = ["Reference", "Result", "measure", "resized"]

_WORKER = Path(__file__).parent / "data" / "dlib_worker.py"
_FACES = 32  # that landmarks are placed on in one run
_BATCHES = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: median seconds of phiz, and of the reference if there is one.

    name: what was done.  count: how many of its unit ("picture", "face") one run does.
    """

    name: str
    unit: str
    count: int
    ours: float
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as fast phiz is."""
        return None if self.theirs is None else self.theirs / self.ours

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form; times in milliseconds per unit."""
        return {
            "name": self.name,
            "unit": self.unit,
            "phiz_ms": 1000 * self.ours / self.count,
            "reference_ms": None if self.theirs is None else 1000 * self.theirs / self.count,
            "ratio": self.ratio,
        }

    def __str__(self) -> str:
        text = f"{self.name:34} {1000 * self.ours / self.count:9.2f} ms per {self.unit}"
        if self.theirs is None:
            return text
        return f"{text:58} dlib {1000 * self.theirs / self.count:9.2f}   {self.ratio:6.2f} x"


class Reference:
    """A process that runs dlib when asked to.

    python: an interpreter that can import dlib.
    """

    def __init__(self, python: Path) -> None:
        threads = str(default_runtime().threads)
        limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), threads)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user named the interpreter
                [str(python), "-I", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **limits},
            )
        except OSError as error:
            raise OptionError(f"{python}: {error.strerror or error}") from error
        self._folder = tempfile.TemporaryDirectory(prefix="phiz-bench-")
        self.about: str = str(self.ask("about")["about"])

    def share(self, name: str, array: U8) -> str:
        """Give the reference an array; returns what to call it in :meth:`ask`."""
        path = Path(self._folder.name) / f"{name}.npy"
        np.save(path, array)
        return str(path)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have a command done; returns its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise OptionError("the reference's interpreter cannot run dlib: see its message above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait(timeout=10)
        self._folder.cleanup()


def resized(image: U8, width: int, height: int) -> U8:
    """Return the picture stretched to a size; nearest pixels, which is enough to measure on."""
    rows = np.arange(height) * image.shape[0] // height
    columns = np.arange(width) * image.shape[1] // width
    return np.ascontiguousarray(image[rows][:, columns])


@dataclass(frozen=True, slots=True)
class _Task:
    """Something to time: phiz's way, and the command that has the reference do the same."""

    name: str
    unit: str
    count: int
    ours: Callable[[], object]
    ask: dict[str, Any]


def _tasks(reference: Reference | None, image: U8) -> Iterator[_Task]:
    """Yield what is measured."""

    def shared(name: str, array: U8) -> str:
        return reference.share(name, array) if reference else ""

    detector = load("dlib-hog-frontal")
    for label, width, height in (("VGA", 640, 480), ("3 megapixels", 2048, 1536)):
        picture = resized(image, width, height)
        ask: dict[str, Any] = {"command": "hog", "image": shared(f"hog-{width}", picture)}
        yield _Task(f"HOG, {label}", "picture", 1, partial(detector, picture), ask)

    vga = resized(image, 640, 480)
    left, top, right, bottom = box = [200, 120, 399, 319]
    boxes = np.tile(np.array([left, top, right + 1, bottom + 1], np.float32), (_FACES, 1))
    for name in ("dlib-landmarks-5", "dlib-landmarks-68"):
        try:
            landmarker = load(name)
        except ModelNotFound:
            continue
        ask = {
            "command": "landmarks", "path": _path_of(name), "image": shared("landmarks", vga),
            "box": box, "faces": _FACES,
        }  # fmt: skip
        yield _Task(name, "face", _FACES, partial(landmarker, vga, boxes), ask)

    name = "dlib-face-resnet-v1"
    describer = load(name)
    chips = np.stack([resized(image, 150, 150)] * max(_BATCHES))
    handed = shared("chips", chips)
    for batch in _BATCHES:
        ask = {"command": "describe", "path": _path_of(name), "chips": handed, "faces": batch}
        yield _Task(
            f"descriptors, batch {batch}", "face", batch, partial(describer, chips[:batch]), ask
        )


def _path_of(name: str) -> str:
    from phiz import store
    from phiz.zoo import require_entry

    return str(store.require(require_entry(name)).path.absolute())


def measure(
    reference: Reference | None,
    *,
    picture: Path | None = None,
    repeats: int = 9,
    step: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Time everything ``repeats`` times, phiz and the reference taking turns.

    picture: with faces in it; by default a pattern, which costs a HOG detector the same.
    step: called after each round.
    """
    image = read_image(picture) if picture else pattern(480, 640)
    tasks = list(_tasks(reference, image))
    ours: list[list[float]] = [[] for _ in tasks]
    theirs: list[list[float]] = [[] for _ in tasks]
    for task in tasks:  # compile, load and warm up outside the clock
        task.ours()
        if reference:
            reference.ask(**task.ask)
    for _ in range(repeats):
        for index, task in enumerate(tasks):
            start = time.perf_counter()
            task.ours()
            ours[index].append(time.perf_counter() - start)
            if reference:
                theirs[index].append(float(reference.ask(**task.ask)["seconds"]))
        step()
    return [
        Result(
            task.name,
            task.unit,
            task.count,
            statistics.median(ours[index]),
            statistics.median(theirs[index]) if reference else None,
        )
        for index, task in enumerate(tasks)
    ]
