"""Makes random programs for dlib's Python module.

A program is plain data: steps such as ``{"do": ".contains", "with": [{"var": "a3"}, {"new":
["point", 4, 5]}], "to": "a7"}`` and the variables that are shown at the end.  What a step does is
``dlib.NAME``, ``.METHOD`` of the first argument, ``op.NAME`` of Python's operators, or one of the
verbs of dlib_sequence_worker.py.  The steps come from a table of signatures: mostly arguments as
the signature wants them, else others, too few, too many or misnamed.

The long run is ``python tools/compare_dlib_sequences.py --count 2000 --seed 7``.
"""

from __future__ import annotations

import random
import re
from typing import Any

from tests.dlib_sequence_table import SIGNATURES, Signature
from tests.dlib_sequence_values import Values, Variable

_BUDGET = 900
"""Milliseconds that the slow steps of a program may take."""

_NEEDS = {"describe": "recognition", "mmod": "mmod"}
_RARE = ("describe", "jitter", "mmod")


class Maker(Values):
    """Makes one program."""

    def __init__(self, rng: random.Random, told: dict[str, Any]) -> None:
        super().__init__(rng, told)
        self._steps: list[dict[str, Any]] = []
        self._left = _BUDGET

    def program(self, themes: list[str], length: int) -> dict[str, Any]:
        table = [each for theme in themes for each in SIGNATURES[theme]]
        weights = [each.weight for each in table]
        while len(self._steps) < length:
            (chosen,) = self.rng.choices(table, weights)
            if chosen.cost > self._left:
                continue
            self._left -= chosen.cost
            self._add(chosen)
        return {"steps": self._steps, "show": list(self.variables)}

    def _add(self, chosen: Signature) -> None:
        rng = self.rng
        given: list[Any] = []
        named: dict[str, Any] = {}
        own = chosen.do[:1] == "." or chosen.do.startswith("dlib.")
        for name, kind, optional in chosen.parameters:
            if optional and rng.random() < 0.4:
                continue
            place = [each[0] for each in chosen.parameters].index(name)
            positional = not own or name == "self" or name.startswith("arg")
            if not positional and (len(given) < place or rng.random() < 0.25):
                named[name] = self.value(kind)
            else:
                given.append(self.value(kind))
        if "moves" in chosen.marks and self._refers(given + list(named.values())):
            return
        spoilt = rng.random() < 0.15 and chosen.parameters
        if spoilt:
            self._spoil(given, named, own)
        step: dict[str, Any] = {"do": chosen.do, "with": given}
        if named:
            step["named"] = named
        if chosen.gives and not spoilt:
            step["to"] = f"{chosen.gives}{len(self._steps)}"
        self._steps.append(step)
        owner = given[0].get("var") if given and isinstance(given[0], dict) else None
        if owner in self.variables:
            self._forget(self.variables[owner], chosen.marks)
        if "to" in step:
            kind = chosen.gives or ""
            of = self.variables.get(owner) if "alias" in chosen.marks else None
            made = Variable(kind, of.root, of.depth + 1) if of else Variable(kind, step["to"], 0)
            self.variables[step["to"]] = made

    def _refers(self, given: list[Any]) -> bool:
        """Whether a list is asked to take what it holds: the real one moves that away meanwhile."""
        told = re.findall(r"'var': '(\w+)'", str(given[1:]))
        owner = given[0].get("var") if isinstance(given[0], dict) else None
        if owner not in self.variables or given[1:2] == given[:1]:
            return owner is not None
        root = self.variables[owner].root
        return any(each in self.variables and self.variables[each].root == root for each in told)

    def _forget(self, changed: Variable, marks: frozenset[str]) -> None:
        """Forget variables that the real module may have left in freed memory."""
        if not marks & {"moves", "assigns"}:
            return
        least = changed.depth + (1 if "moves" in marks else 2)
        gone = [
            name
            for name, each in self.variables.items()
            if each.root == changed.root and each.depth >= least
        ]
        for name in gone:
            del self.variables[name]
        if gone:
            self._steps.append({"drop": gone})

    def _spoil(self, given: list[Any], named: dict[str, Any], own: bool) -> None:
        way = self.rng.choice(("junk", "junk", "junk", "less", "more", "name"))
        first = 0 if not given else self.rng.randrange(len(given))
        if way == "junk" and given and (first or not own):
            given[first] = self.junk()
        elif way == "junk" and named:
            named[self.rng.choice(list(named))] = self.junk()
        elif way == "less" and len(given) > 1:
            given.pop()
        elif way == "name" and own:
            named[self.rng.choice(("x", "nothing", "rect", "arg0", "img", "i"))] = self.junk()
        else:
            given.append(self.junk())


def programs(count: int, seed: int, told: dict[str, Any], themes: str = "") -> list[dict[str, Any]]:
    """Return as many programs, the same for the same seed and files."""
    allowed = [theme for theme in SIGNATURES if _NEEDS.get(theme, "five") in told["files"]]
    usual = [theme for theme in allowed if theme not in _RARE]
    made = []
    for place in range(count):
        rng = random.Random(f"{seed} {place}")
        chosen = rng.sample(usual, rng.choice((1, 1, 2)))
        for rare in _RARE:
            if rare in allowed and rng.random() < 0.03:
                chosen = [rare]
        if themes:
            chosen = [rng.choice(themes.split(","))]
        made.append(Maker(rng, told).program(chosen, rng.randint(10, 30)))
    return made
