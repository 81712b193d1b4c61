"""Asks the real ``dlib`` and phiz's the same programs, and says where their answers differ."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phiz import store
from phiz.errors import PhizError
from phiz.zoo import require_entry
from tests import dlib_writer as write
from tests.sources import ROOT, registry_pictures

WORKER = Path(__file__).with_name("dlib_sequence_worker.py")
WEIGHTS = {
    "five": "dlib-landmarks-5",
    "sixty-eight": "dlib-landmarks-68",
    "recognition": "dlib-face-resnet-v1",
    "mmod": "dlib-mmod-human",
}
_TOLERANCE = 1e-4
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)")

Transcript = list[dict[str, Any]]
Program = dict[str, Any]


def sources(folder: Path) -> dict[str, Any]:
    """Return the weight files and pictures that are here, by name, and a made detector's file."""
    made = folder / "made.svm"
    made.write_bytes(write.fhog_detector(window=56, detectors=1, seed=3))
    files = {"made": str(made)}
    for name, model in WEIGHTS.items():
        try:
            files[name] = str(store.require(require_entry(model)).path)
        except PhizError:
            continue
    pictures = {path.stem: str(path) for path in registry_pictures()}
    return {"files": files, "pictures": pictures}


class Worker:
    """A process that runs programs on one of the modules; started again if it dies."""

    def __init__(self, module: str, told: dict[str, Any]) -> None:
        self._module = module
        self._told = told
        self._process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(WORKER), self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads | {"PYTHONPATH": path},
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._told) + "\n")
        return process

    def run(self, program: Program) -> Transcript:
        """Return the transcript of a program; one entry, ``crashed``, if the process dies."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(program) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        self._process = process
        if not line:
            code = process.wait()
            self.close()
            return [{"crashed": code}]
        return json.loads(line)

    def close(self) -> None:
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()
        self._process = None


class Judge:
    """The two modules, each in its process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.told = sources(Path(self._folder.name))
        self._real = Worker("dlib", self.told)
        self._ours = Worker("phiz", self.told)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self._folder.cleanup()

    def transcripts(self, program: Program) -> tuple[Transcript, Transcript]:
        """Return what the two say: each has been asked the same programs before."""
        both = self._real.run(program), self._ours.run(program)
        if any("crashed" in each[0] for each in both):
            self.forget()
        return both

    def forget(self) -> None:
        """Let both begin anew: dlib has one generator for all pictures that it jitters."""
        self._real.close()
        self._ours.close()

    def difference(self, program: Program) -> str | None:
        """Return the first step that the two answer differently, in words, or None."""
        wanted, found = self.transcripts(program)
        return first_difference(program, wanted, found)

    def smallest(self, program: Program) -> Program:
        """Leave out what is not needed for the first difference."""
        self.forget()
        wanted, found = self.transcripts(program)
        place = _first_place(wanted, found)
        steps = program["steps"]
        if place is None:
            return program
        if place < len(steps):
            kept, shown = steps[: place + 1], []
        else:
            kept, shown = steps, [program["show"][place - len(steps)]]
        for one in range(len(kept) - 1, -1, -1):
            fewer = kept[:one] + kept[one + 1 :]
            if self._ends_differently(fewer, shown):
                kept = fewer
        for one in range(len(kept)):
            for other in _shorter(kept[one]):
                changed = [*kept[:one], other, *kept[one + 1 :]]
                if self._ends_differently(changed, shown):
                    kept = changed
        return {"steps": kept, "show": shown}

    def _ends_differently(self, steps: list[dict[str, Any]], shown: list[str]) -> bool:
        if any(step.get("do") == "dlib.jitter_image" for step in steps):
            self.forget()
        wanted, found = self.transcripts({"steps": steps, "show": shown})
        last = len(steps) + len(shown) - 1
        return last >= 0 and _first_place(wanted, found) == last and "crashed" not in wanted[0]


def _shorter(value: Any) -> Iterator[Any]:
    """Yield what is left of an argument when a list in it is cut."""
    if isinstance(value, dict):
        for key, held in value.items():
            for other in _shorter(held):
                yield {**value, key: other}
            if key == "list" and len(held) > 1:
                yield {"list": held[:1]}
    elif isinstance(value, list):
        for place, held in enumerate(value):
            for other in _shorter(held):
                yield [*value[:place], other, *value[place + 1 :]]


def _first_place(wanted: Transcript, found: Transcript) -> int | None:
    for place in range(max(len(wanted), len(found))):
        if place >= min(len(wanted), len(found)):
            return place
        if next(differences(wanted[place], found[place]), None) is not None:
            return place
    return None


def first_difference(program: Program, wanted: Transcript, found: Transcript) -> str | None:
    place = _first_place(wanted, found)
    if place is None:
        return None
    steps = program["steps"] + [{"show": name} for name in program["show"]]
    if "crashed" in wanted[0] or "crashed" in found[0]:
        return f"a process died: dlib {wanted[0]}, phiz {found[0]}"
    told = next(differences(wanted[place], found[place]))
    before = "\n".join(f"  {json.dumps(step)}" for step in steps[: place + 1])
    return f"{before}\n    {told}"


def differences(wanted: Any, found: Any, where: str = "") -> Iterator[str]:
    """Yield where two normal forms differ by more than the tolerance."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        if "checked" in wanted and "error" in found:
            if not _same_check(*wanted["checked"], *found["error"]):
                yield f"{where}: dlib {wanted['checked']}, phiz {found['error']}"
            return
        if "float" in wanted and "float" in found:
            if not _close(float(wanted["float"]), float(found["float"])):
                yield f"{where}: dlib {wanted['float']}, phiz {found['float']}"
            return
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            if key not in wanted or key not in found:
                whole = f"dlib {_short(wanted)}, phiz {_short(found)}"
                yield f"{where}: only one has {key!r}: {whole}"
                return
            yield from differences(wanted[key], found[key], f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{where}: dlib {_short(wanted)}, phiz {_short(found)}"
            return
        for place, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{where}[{place}]")
    elif isinstance(wanted, str) and isinstance(found, str):
        if not _same_text(wanted, found):
            yield f"{where}:\n      dlib {wanted!r}\n      phiz {found!r}"
    elif type(wanted) is not type(found) or wanted != found:
        yield f"{where}: dlib {_short(wanted)}, phiz {_short(found)}"


def _same_check(kind: str, text: str, our_kind: str, our_text: str) -> bool:
    """A failed check in C++ prints where it stands and what it saw; only its sentence counts."""
    sentences = [line.rstrip(". ") for line in text.splitlines() if len(line.split()) > 3]
    return kind == our_kind and (not sentences or any(each in our_text for each in sentences))


def _short(value: Any) -> str:
    return json.dumps(value)[:1500]


def _same_text(one: str, other: str) -> bool:
    """Whole numbers in a text are equal, others within the tolerance, the rest is the same."""
    if one == other:
        return True
    if _skeleton(one) != _skeleton(other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(a == b or (_real(a) and _real(b) and _close(float(a), float(b))) for a, b in pairs)


def _skeleton(text: str) -> str:
    """What is left without numbers, and without the blanks that make them equally wide."""
    return re.sub(" *#", "#", _NUMBER.sub("#", text))


def _real(text: str) -> bool:
    return bool(set(text) & set(".en"))


def _close(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return (
        one == other
        or abs(one - other) <= _TOLERANCE * min(1.0, 1e-3 * abs(one))
        or (abs(one) < 1e3 and abs(one - other) <= _TOLERANCE)
    )
