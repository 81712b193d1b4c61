"""The models phiz knows: a table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from phiz.errors import ModelNotFound
from phiz.zoo_community import ENTRIES as COMMUNITY
from phiz.zoo_dlib import ENTRIES as DLIB
from phiz.zoo_entry import Entry, Kind, Licence, PartFile, Revision, Source
from phiz.zoo_faceapi import ENTRIES as FACEAPI

__all__ = [
    "ZOO",
    "Entry",
    "Kind",
    "Licence",
    "PartFile",
    "Revision",
    "Source",
    "find_by_hash",
    "find_entry",
    "require_entry",
]

ZOO: Final[Mapping[str, Entry]] = MappingProxyType(
    {entry.name: entry for entry in (*DLIB, *COMMUNITY, *FACEAPI)}
)
"""Every model by name."""


def find_entry(name: str) -> Entry | None:
    """Return the entry with this name or original file name, or None.

    face-api.js's models may also be called what its files begin with, such as ``mtcnn_model``.
    """
    stem = name.removesuffix(".bz2").removesuffix(".xz")
    for entry in ZOO.values():
        if stem in entry.names:
            return entry
    return None


def find_by_hash(sha256: str) -> Entry | None:
    """Return the entry that has a revision with this hash, or None."""
    for entry in ZOO.values():
        if sha256 in {revision.sha256 for revision in entry.revisions}:
            return entry
    return None


def require_entry(name: str) -> Entry:
    """Return the entry of this name; ModelNotFound lists the names there are."""
    entry = find_entry(name)
    if entry is None:
        raise ModelNotFound(f"no model named {name!r}; there are {', '.join(ZOO)}")
    return entry
