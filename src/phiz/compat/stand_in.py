"""Modules of phiz under the names of the packages that they stand in for.

The distributions phiz-dlib and phiz-face-recognition hold the modules ``dlib`` and
``face_recognition`` with a call of :func:`stand_in` in them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module, metadata, util
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["refuse_beside", "stand_in"]


class _Alias(MetaPathFinder, InspectLoader):
    """Finds the submodules of one name under another."""

    def __init__(self, name: str, target: str) -> None:
        self._name = name
        self._target = target

    def _target_of(self, fullname: str) -> str:
        return self._target + fullname[len(self._name) :]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if not fullname.startswith(f"{self._name}."):
            return None
        found = util.find_spec(self._target_of(fullname))
        if found is None:
            return None
        return ModuleSpec(
            fullname,
            self,
            origin=found.origin,
            is_package=found.submodule_search_locations is not None,
        )

    def exec_module(self, module: ModuleType) -> None:
        # The import system gives what stands here afterwards to the importer.
        sys.modules[module.__name__] = import_module(self._target_of(module.__name__))

    def _loader(self, fullname: str) -> InspectLoader:
        spec = util.find_spec(self._target_of(fullname))
        if spec is None or not isinstance(spec.loader, InspectLoader):
            raise ImportError(f"no module named {fullname!r}", name=fullname)
        return spec.loader

    # For ``python -m``:

    def get_code(self, fullname: str) -> CodeType | None:
        return self._loader(fullname).get_code(self._target_of(fullname))

    def get_source(self, fullname: str) -> str | None:
        return self._loader(fullname).get_source(self._target_of(fullname))


def stand_in(name: str, target: str) -> None:
    """Make ``import name``, and that of its submodules, give the module ``target`` of phiz.

    Called by a module of that name while it is imported: its importer gets ``target`` itself.
    """
    sys.modules[name] = import_module(target)
    if not any(isinstance(each, _Alias) and each._name == name for each in sys.meta_path):
        sys.meta_path.insert(0, _Alias(name, target))


def refuse_beside(file: str, ours: str, others: Sequence[str]) -> None:
    """Raise ImportError if a package that this one stands in for is installed in the same folder.

    Both own files of the same names, so that each has overwritten some of the other's, and what
    would be imported depends on which was installed last.  A package that is installed elsewhere
    (below a virtual environment, or behind a folder in PYTHONPATH) is hidden, not mixed.

    file: ``__file__`` of a module in a top-level package of the distribution.
    ours, others: names of distributions.
    """
    place = str(Path(file).resolve().parents[1])
    for other in others:
        found = next(iter(metadata.distributions(name=other, path=[place])), None)
        if found is not None:
            raise ImportError(
                f"{ours} and {other} {found.version} are both installed in {place}, where each has "
                "overwritten files of the other. Remove both, then install the one you want:\n"
                f"    pip uninstall --yes {ours} {other}\n"
                f"    pip install {ours}    # or: pip install {other}"
            )
