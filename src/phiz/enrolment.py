"""From pictures of known people to references."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from phiz.checks import F32
from phiz.errors import OptionError
from phiz.identification import References
from phiz.table import FaceTable
from phiz.values import Descriptors

__all__ = ["Enrolment", "enrol"]

_MEDOID_OF = 2000  # faces at most: the work grows by the square


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What came of the pictures of known people.

    references: one face of each picture that has one.  sources: (m,) the pictures they are in.
    warnings: what to know: pictures without a face or with several, people without a picture.
    """

    references: References
    sources: tuple[str, ...]
    warnings: tuple[str, ...]


def enrol(pictures: Iterable[tuple[str, FaceTable]]) -> Enrolment:
    """Take one described face of each picture as a reference.

    pictures: whose each is, and the table of that picture with descriptors.  A table whose picture
        could not be read is passed over.

    Of several faces in a picture the one nearest to the person's medoid is taken (the face that is
    alone in its picture and has the least sum of distances to the others that are), or the largest
    where no picture of the person shows one face only.

    Raises OptionError if no picture has a face, SpaceError if models differ.
    """
    people: dict[str, list[FaceTable]] = {}
    for name, table in pictures:
        people.setdefault(name, []).append(table)
    chosen: list[FaceTable] = []
    names: list[str] = []
    warnings: list[str] = []
    for name, tables in people.items():
        before = len(chosen)
        medoid = _medoid([table for table in tables if len(table) == 1])
        for table in tables:
            picture = table.pictures[0]
            if picture.error is not None:
                continue
            if not len(table):
                warnings.append(f"{picture.source}: no face")
                continue
            if len(table) > 1:
                table, said = _one_of(table, medoid, name)
                warnings.append(said)
            chosen.append(table)
            names.append(name)
        if len(chosen) == before:
            warnings.append(f"{name}: no picture has a face; nobody will be called that")
    if not chosen:
        raise OptionError("the references: no picture has a face")
    together = FaceTable.concat(chosen)
    references = References(together.described(), np.array(names, np.str_))
    return Enrolment(references, tuple(together.source), tuple(warnings))


def _medoid(tables: list[FaceTable]) -> Descriptors | None:
    """Return the face with the least sum of distances to the others, or None of none."""
    if not tables:
        return None
    faces = FaceTable.concat(tables[:_MEDOID_OF]).described()
    sums = [float(faces[[row]].distances(faces).sum()) for row in range(len(faces))]
    return faces[[int(np.argmin(sums))]]


def _one_of(table: FaceTable, medoid: Descriptors | None, name: str) -> tuple[FaceTable, str]:
    """Return the face of a picture that is most likely this person's, and what to say of it."""
    head = f"{table.pictures[0].source}: {len(table)} faces; "
    if medoid is None:
        sides: F32 = table.boxes[:, 2:] - table.boxes[:, :2]
        best = int(sides.prod(axis=1).argmax())
        return table[[best]], f"{head}the largest one was taken for {name}"
    apart = medoid.distances(table.described())[0]
    best = int(apart.argmin())
    said = f"{head}the one nearest to other pictures of {name} was taken"
    if apart[best] >= medoid.threshold:
        said += f", at a distance of {apart[best]:.2f}: perhaps none is {name}"
    return table[[best]], said
