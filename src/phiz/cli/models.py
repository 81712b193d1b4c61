"""phiz models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from phiz.errors import ModelNotFound

NAME = "models"
HELP = """List models, and get, check and explain them.

Example: phiz models pull dlib-landmarks-68
"""

Names = Annotated[list[str], typer.Argument(help="Model names; see 'phiz models'.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on standard output.")]


def _size(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.1f} MB"


def show(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List every model: size, licence, and where it is."""
    if context.invoked_subcommand is not None:
        return
    from phiz import store
    from phiz.zoo import ZOO

    rows: list[tuple[str, ...]] = [("NAME", "SIZE", "COMMERCIAL", "LICENCE", "WHERE")]
    for entry in ZOO.values():
        found = store.locate(entry)
        where = found.origin if found else f"not here: phiz models pull {entry.name}"
        if as_json:
            record = {
                "schema": 1,
                "name": entry.name,
                "kind": entry.kind,
                "format": entry.format,
                "file": entry.file,
                "size": entry.size,
                "licence": entry.licence.text,
                "commercial": entry.licence.commercial,
                "present": found is not None,
                "origin": found.origin if found else None,
                "path": str(found.path) if found else None,
            }
            typer.echo(json.dumps(record))
        licence = entry.licence
        rows.append((entry.name, _size(entry.size), licence.commercial, licence.text, where))
    if as_json:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _each(names: list[str], work: Callable[[Any], None]) -> int:
    """Do something for each named model; returns 1 if any of them failed."""
    from phiz.errors import PhizError
    from phiz.zoo import require_entry

    failed = 0
    for entry in [require_entry(name) for name in names]:
        try:
            work(entry)
        except PhizError as error:
            typer.echo(f"phiz: {error}", err=True)
            failed = 1
    return failed


def pull(names: Names) -> int:
    """Download models into the cache, unless they are here already."""
    from phiz import store
    from phiz.cli.common import pull_with_progress

    def get(entry: Any) -> None:
        store.allow_licence(entry)
        found = store.locate(entry)
        path = found.path if found else pull_with_progress(entry.name)
        typer.echo(f"{entry.name}: {path}")

    return _each(names, get)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Model names; all by default.")] = None,
) -> int:
    """Check the hashes of the models that are here."""
    from phiz import store
    from phiz.zoo import ZOO

    def check(entry: Any) -> None:
        found = store.locate(entry)
        if found is None:
            if names:
                raise ModelNotFound(f"{entry.name} is not here")
            return
        try:
            digest = store.file_digest(found.path)
        except OSError as error:
            raise ModelNotFound(f"{found.path}: {error.strerror or error}") from error
        revision = store.verify(entry, digest, found.path)
        typer.echo(f"{entry.name}: {revision}, sha256 {digest}, {found.path}")

    return _each(names or list(ZOO), check)


def path(names: Names) -> int:
    """Print where models' files are."""
    from phiz import store

    return _each(names, lambda entry: typer.echo(store.require(entry).path))


def info(names: Names) -> int:
    """Print what is known of models: licence, data, limits, thresholds, hashes, sources."""
    from phiz import store
    from phiz.precision import int8_costs

    def tell(entry: Any) -> None:
        found = store.locate(entry)
        licence = entry.licence
        lines = [
            f"{entry.name}: {entry.summary}",
            f"  file           {entry.file}, {_size(entry.size)}",
            f"  here           {f'{found.path} ({found.origin})' if found else 'no'}",
            f"  licence        {licence.text}; commercial use: {licence.commercial}",
            f"                 {licence.evidence}",
            f"  training data  {licence.training_data}",
            f"  limits         {entry.limits}",
        ]
        if entry.threshold is not None:
            lines.append(f"  threshold      {entry.threshold} ({entry.threshold_source})")
        if entry.kind == "descriptor":
            lines += [f"  int8           {line}" for line in int8_costs(entry)]
        for revision in entry.revisions:
            lines.append(f"  revision       {revision.name}: {revision.sha256 or 'unverified'}")
            lines += [
                f"    {part.name}, {part.size} bytes: {part.sha256}" for part in revision.files
            ]
            lines += [f"  source         {source.url}" for source in revision.sources]
        typer.echo("\n".join(lines))

    return _each(names, tell)


def import_folder(
    folder: Annotated[Path, typer.Argument(help="Where to look, however deep.", metavar="DIR")],
    as_json: AsJson = False,
) -> int:
    """Copy the known weight files of a folder into the cache, by name and by content."""
    from phiz.importing import import_folder as each_of

    failed = 0
    for one in each_of(folder):
        failed |= one.outcome == "refused"
        if as_json:
            record = {
                "schema": 1,
                "path": str(one.file),
                "name": one.name,
                "outcome": one.outcome,
                "revision": one.revision,
                "error": one.reason,
            }
            typer.echo(json.dumps(record))
        elif one.outcome == "refused":
            typer.echo(f"{one.name or one.file}: refused: {one.reason}")
        else:
            typer.echo(f"{one.name}: {one.outcome}, {one.revision}, {one.file}")
    return failed
