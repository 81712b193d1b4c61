"""Runs programs on one ``dlib`` module, the real one or phiz's, and says what each step gave.

A process of its own, so that neither module sees the other:

    python tests/dlib_sequence_worker.py dlib|phiz  < lines of JSON  > lines of JSON

The first line names the files and pictures that programs may use; every further line is a program
(see dlib_sequences.py) and is answered by its transcript: one entry for each step, and one for each
variable that is shown at the end.  An entry is ``{"value": normal form}``, ``{"error": [type,
message]}``, ``{"checked": [type, message]}`` where an assertion in C++ failed, ``{"refused": why}``
where the real module would leave its own memory, or ``{"skipped": true}`` for a step that needs the
result of one that failed.
"""

from __future__ import annotations

import builtins
import copy
import hashlib
import importlib
import json
import operator
import pickle  # noqa: TID251 - what is pickled here is what is read here
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.dlib_sequence_limits import Floated, Indexed, refusal

MODULES = {"dlib": "dlib", "phiz": "phiz.compat.dlib"}
_SHOWN = 80
"""Of longer lists only so many elements are compared."""


class MissingError(Exception):
    """A variable that no step has made."""


@dataclass
class World:
    """What programs are run on."""

    module: Any
    files: dict[str, str]
    pictures: dict[str, str]
    folder: Path
    kept: dict[str, Any] = field(default_factory=dict)

    def picture(self, name: str) -> np.ndarray:
        if name not in self.kept:
            self.kept[name] = np.array(Image.open(self.pictures[name]).convert("RGB"))
        return self.kept[name]

    def model(self, name: str) -> Any:
        """Return a model without state, loaded once."""
        if name not in self.kept:
            self.kept[name] = {
                "frontal": lambda: self.module.get_frontal_face_detector(),
                "made": lambda: self.module.fhog_object_detector(self.files["made"]),
                "five": lambda: self.module.shape_predictor(self.files["five"]),
                "sixty-eight": lambda: self.module.shape_predictor(self.files["sixty-eight"]),
                "recognition": lambda: self.module.face_recognition_model_v1(
                    self.files["recognition"]
                ),
                "mmod": lambda: self.module.cnn_face_detection_model_v1(self.files["mmod"]),
            }[name]()
        return self.kept[name]

    def array(self, spec: dict[str, Any]) -> np.ndarray:
        if "picture" in spec:
            made = self.picture(spec["picture"])
            top, left, height, width = spec.get("crop", [0, 0, *made.shape[:2]])
            step = spec.get("step", 1)
            made = made[top : top + height : step, left : left + width : step]
            made = made[:, ::-1] if spec.get("flip") else made
            if spec.get("gray"):
                made = (made.astype(np.uint16).sum(axis=2) // 3).astype(np.uint8)
        elif "noise" in spec:
            made = np.random.default_rng(spec["noise"]).integers(0, 256, spec["shape"])
        else:
            made = np.array(spec["values"])
        if "shape" in spec:
            made = made.reshape(spec["shape"])
        made = made.astype(spec.get("dtype", "uint8"))
        made = np.ascontiguousarray(made)
        return np.repeat(made, 2, axis=0)[::2] if spec.get("strided") else made


def value_of(given: Any, world: World, variables: dict[str, Any]) -> Any:
    """Return what an argument stands for: plain JSON is itself, an object names what it is."""
    if not isinstance(given, dict):
        return given
    ((kind, told),) = given.items()
    if kind == "var":
        if told not in variables:
            raise MissingError(told)
        return variables[told]
    if kind == "new":
        name, *given = told
        made = getattr(world.module, name)
        return made(*(value_of(each, world, variables) for each in given))
    if kind in ("list", "tuple", "iter"):
        made = [value_of(each, world, variables) for each in told]
        return {"list": list, "tuple": tuple, "iter": iter}[kind](made)
    readers: dict[str, Callable[[Any], Any]] = {
        "slice": lambda told: slice(*told),
        "bytes": bytes.fromhex,
        "np": lambda told: getattr(np, told[0])(told[1]),
        "array": world.array,
        "dlib": lambda told: operator.attrgetter(told)(world.module),
        "model": world.model,
        "file": lambda told: world.files[told],
        "path": lambda told: str(world.folder / told),
        "indexed": Indexed,
        "floated": Floated,
        "dict": dict,
        "set": set,
    }
    return readers[kind](told)


def _png(path: str, image: np.ndarray) -> None:
    Image.fromarray(image).save(path)


def _fill(value: Any, places: slice, item: Any) -> None:
    """Assign a list that is as long as the slice is."""
    value[places] = type(value)([item] * len(value[places]))


def _kept(value: Any, place: int, item: Any) -> list[Any]:
    """Return what was taken out before its place was assigned to, and the whole."""
    taken = value[place]
    value[place] = item
    return [taken, value, value[place] is taken]


def _hashes(value: object) -> bool:
    hash(value)
    return True


def _revived(kind: Any, state: Any) -> Any:
    made = kind.__new__(kind)
    made.__setstate__(state)
    return made


_METHODS = (
    "add and bool call contains delitem dict enter float floordiv getitem getstate iadd index int "
    "iter len mul neg next radd reversed rmul rsub setitem setstate sub truediv"
)
"""What Python may ask of an object: there or not."""

_VERBS: dict[str, Callable[..., Any]] = {
    "get": getattr,
    "set": setattr,
    "delattr": delattr,
    "is": operator.is_,
    "hash": _hashes,
    "state": lambda value: value.__getstate__(),
    "revived": _revived,
    "pickled": lambda value, protocol: pickle.loads(pickle.dumps(value, protocol)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "png": _png,
    "array": np.array,
    "asarray": np.asarray,
    "members": lambda value: [name for name in dir(value) if not name.startswith("_")],
    "items": lambda value: [value[place] for place in builtins.range(len(value))],
    "fill": _fill,
    "kept": _kept,
    "twice": lambda value, place: value[place] is value[place],
    "derived": lambda kind, *given: type("Derived", (kind,), {})(*given),
    "methods": lambda value: [name for name in _METHODS.split() if hasattr(value, f"__{name}__")],
    "exists": lambda path: Path(path).is_file(),
    "same": lambda value: value,
}


def verb(name: str, world: World) -> Callable[..., Any]:
    """Return the function that a step names."""
    if name.startswith("dlib."):
        return operator.attrgetter(name[5:])(world.module)
    if name.startswith("."):
        return lambda value, *given, **named: getattr(value, name[1:])(*given, **named)
    if name.startswith("op."):
        return getattr(operator, name[3:])
    return _VERBS.get(name) or getattr(builtins, name)


def normal(value: Any, world: World, depth: int = 0) -> Any:
    """Return a form of a value that can be compared: kinds, texts, numbers, digests."""
    if value is None or isinstance(value, (bool, str)):
        return _told(value, world)
    if isinstance(value, (int, float)) and type(value) in (int, float):
        return {"float": repr(value)} if isinstance(value, float) else value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, np.ndarray):
        return _normal_array(value)
    if isinstance(value, np.generic):
        return {"scalar": type(value).__name__, "is": repr(value)}
    if depth > 5:
        return "..."
    if isinstance(value, (list, tuple)):
        few = [normal(each, world, depth + 1) for each in value[:_SHOWN]]
        return {"list" if isinstance(value, list) else "tuple": few, "len": len(value)}
    if isinstance(value, type):
        return {"class": _told(repr(value), world).replace("pybind11_builtins.pybind11_", "")}
    form = {"type": type(value).__name__, "module": type(value).__module__}
    if all(kind.__module__ != "_dlib_pybind11" for kind in type(value).__mro__):
        return form
    form |= {"repr": _told(repr(value), world), "str": _told(str(value), world)}
    if hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        places = builtins.range(min(len(value), _SHOWN))
        form["items"] = [normal(value[place], world, depth + 1) for place in places]
        form["len"] = len(value)
    for name in ("x", "y", "rect", "confidence", "num_parts", "rows", "cols", "angle"):
        if hasattr(value, name):
            form[name] = normal(getattr(value, name), world, depth + 1)
    if form["type"] in ("rectangle", "drectangle"):
        sides = (value.left(), value.top(), value.right(), value.bottom())
        form["sides"] = [normal(side, world) for side in sides]
    if form["type"] == "full_object_detection":
        form["parts"] = normal(value.parts(), world, depth + 1)
    return form


def _normal_array(value: np.ndarray) -> dict[str, Any]:
    form: dict[str, Any] = {"dtype": str(value.dtype), "shape": list(value.shape)}
    if value.dtype.kind == "f":
        form["numbers"] = [{"float": repr(float(each))} for each in value.ravel()[:400]]
    elif value.dtype.kind == "O":
        form["repr"] = repr(value)
    else:
        form["digest"] = hashlib.sha256(np.ascontiguousarray(value)).hexdigest()[:16]
        form["first"] = [int(each) for each in value.ravel()[:12]]
        form["sum"] = int(value.astype(np.int64).sum())
    return form


def _told(value: Any, world: World) -> Any:
    if not isinstance(value, str):
        return value
    value = re.sub(r"\b0x[0-9a-f]{6,}", "0x", value.replace(str(world.folder), "FOLDER"))
    # The interpreter's own messages name a class as it was made, not as it says it is named.
    return re.sub(r"'_dlib_pybind11\.(\w+)'", r"'\1'", value)


def error_form(error: Exception, world: World) -> dict[str, Any]:
    """Return an error's kind and text; of a failed check in dlib what it says, as ``checked``."""
    text = str(error)
    checked = "Failing expression was" in text
    if checked:
        text = text.split("Failing expression was", 1)[1].split("\n", 1)[1]
    elif "incompatible" not in text:
        # The interpreter knows classes, and their class, by other names.
        for prefix in ("_dlib_pybind11.", "pybind11_", "builtins."):
            text = text.replace(prefix, "")
    told = _told("\n".join(line.strip() for line in text.strip().splitlines()), world)
    return {"checked" if checked else "error": [type(error).__name__, told]}


def run(program: dict[str, Any], world: World) -> list[dict[str, Any]]:
    """Run a program; see the module's page."""
    variables: dict[str, Any] = {}
    shown = [{"do": "same", "with": [{"var": name}]} for name in program["show"]]
    return [_entry(step, world, variables) for step in [*program["steps"], *shown]]


def _entry(step: dict[str, Any], world: World, variables: dict[str, Any]) -> dict[str, Any]:
    if "drop" in step:
        for name in step["drop"]:
            variables.pop(name, None)
        return {"dropped": True}
    try:
        given = [value_of(each, world, variables) for each in step["with"]]
        told = step.get("named", {}).items()
        named = {name: value_of(each, world, variables) for name, each in told}
        why = refusal(step["do"], given, named)
        if why:
            return {"refused": why}
        result = verb(step["do"], world)(*given, **named)
        form = normal(result, world)
    except MissingError:
        return {"skipped": True}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return error_form(error, world)
    if "to" in step:
        variables[step["to"]] = result
    return {"value": form}


def main() -> None:
    """Answer programs until there are no more."""
    told = json.loads(sys.stdin.readline())
    if sys.argv[1] == "phiz":
        sys.modules |= dict.fromkeys(("dlib", "_dlib_pybind11"))  # importing them fails now
    module = importlib.import_module(MODULES[sys.argv[1]])
    kept: dict[str, Any] = {}
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            world = World(module, told["files"], told["pictures"], Path(folder), kept)
            answer = run(json.loads(line), world)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
