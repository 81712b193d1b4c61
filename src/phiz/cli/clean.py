"""phiz clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.cleaning import Cleaning

NAME = "clean"
HELP = """What is wrong in a data set with a folder per person? Proposes, and changes nothing.

Finds pictures in the wrong folder, one person under two names, pictures that are there twice,
pictures without a face or with several, blurred and small faces. Writes proposals.csv, ranking.csv
(every picture, by how surely its label is wrong) and review.html, a page to decide on: it saves
decisions.json for 'phiz clean apply'.

Results are remembered by picture content and model: an interrupted run goes on where it stopped.

Example: phiz clean people/ --out review/   (then open review/review.html)

Then:    phiz clean apply decisions.json --out people-clean/
"""
APPLY_HELP = """Write a data set anew as decided; the old one is only read.

Pictures that nobody decided about stay as they are. What was done is in .phiz-clean/log.jsonl of
the new tree. An interrupted run goes on when it is called again. --undo takes the last apply back.

Example: phiz clean apply decisions.json --out people-clean/
"""


class Group(TyperGroup):
    """``phiz clean DIR`` is ``phiz clean propose DIR``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command in front of what begins with no command."""
        if not args or args[0] not in self.commands:
            args = ["propose", *args]
        return super().parse_args(ctx, args)


def main(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with a folder of pictures per person.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for review.html, proposals.csv and ranking.csv.")
    ] = None,
    pages: Annotated[
        int, typer.Option(min=1, help="At most this many pages, 300 decisions, 5 to 10 MB each.")
    ] = 10,
    bits: Annotated[
        int,
        typer.Option(min=0, max=128, help="Hashes of one picture: at most so many bits differ."),
    ] = 40,
    near: Annotated[
        float,
        typer.Option(
            min=1e-3,
            max=1,
            help="One photograph: faces nearer than this part of where strangers begin.",
        ),
    ] = 0.35,
    merges: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Propose at most this many merges.")
    ] = 200,
    smallest: Annotated[
        float, typer.Option(min=0, help="Faces with a shorter side, in pixels, are small.")
    ] = 60,
    sharpest: Annotated[
        float, typer.Option(min=0, help="Faces with less sharpness are blurred.")
    ] = 20,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    as_json: common.AsJson = False,
    parquet: common.Parquet = None,
    cache: common.Cached = True,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    from phiz.cleaning import CleanOptions, examine, judge, read_tree

    options = CleanOptions(bits, near, merges, smallest, sharpest)
    tree = read_tree(directory)
    if not tree.pictures:
        raise OptionError(f"{directory}: no pictures in folders of persons")
    if out is not None and out.resolve().is_relative_to(tree.root):
        raise OptionError(f"--out {out}: wanted a folder apart from the data set")
    models = (detector, landmarks, descriptor)
    common.ensure_models(models)
    from phiz.cleaning.judging import STEPS
    from phiz.pipeline import make_recipe

    recipe = make_recipe(
        *models, upsample=upsample, threshold=score, max_pixels=max_pixels, precision=precision
    )
    tables, measures = [], []
    count = common.Counted()
    with common.parquet_file(parquet) as keep, common.remembered(cache) as known:
        looked = examine(tree, recipe, cache=known)

        def faces() -> Any:
            for table, found in looked:
                measures.append(found)
                yield table

        for table, count in common.counted(faces(), len(tree.pictures), "looking at pictures"):  # noqa: B007
            tables.append(table)
            keep(table)
    with common.counting(STEPS, "comparing") as step:
        cleaning = judge(tree, tables, measures, options, progress=step)
    if as_json:
        for record in cleaning.proposals.records():
            typer.echo(json.dumps(record))
    else:
        _summary(cleaning)
    if out is not None:
        _write(out, cleaning, pages, max_pixels)
    typer.echo(f"phiz: {count}", err=True)
    if tree.left_out:
        typer.echo(f"phiz: left out {_no_files(len(tree.left_out))}", err=True)
    return count.exit_code()


def _no_files(count: int) -> str:
    return common.plural(count, "symbolic link or special file", "symbolic links or special files")


def _summary(cleaning: Cleaning) -> None:
    """Print how many proposals there are of each kind, and the first of them."""
    for kind, number in cleaning.proposals.counts().items():
        typer.echo(f"{kind}: {number}")
        for each in cleaning.proposals.of(kind)[:5]:
            about = each.picture or f"{each.identity} -> {each.target}"
            typer.echo(f"  {each.score:.3f}  {about}: {each.reason}")
        if number > 5:
            typer.echo(f"  and {number - 5} more")
    if not len(cleaning.proposals):
        typer.echo("nothing to propose")


def _write(out: Path, cleaning: Cleaning, pages: int, max_pixels: int) -> None:
    """Write the tables and the pages."""
    from phiz.cache import writing
    from phiz.cli.clean_page import divide, write_pages

    texts = {
        "proposals.csv": cleaning.proposals.csv(),
        "ranking.csv": cleaning.ranking_csv(),
        "proposals.jsonl": "".join(
            json.dumps(record) + "\n" for record in cleaning.proposals.records()
        ),
    }
    for name, text in texts.items():
        with writing(out / name) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    inside, left = divide(cleaning, pages)
    with common.counting(len(inside), "writing pages") as step:
        written = write_pages(out, cleaning, inside, left, max_pixels=max_pixels, progress=step)
    names = ", ".join(str(path) for path in (*written, *(out / name for name in texts)))
    typer.echo(f"phiz: wrote {names}", err=True)
    if left:
        typer.echo(f"phiz: {left} more to decide about are in proposals.csv only", err=True)


def apply(
    decisions: Annotated[
        list[Path] | None, typer.Argument(help="Files that review pages saved.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The new tree.")] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="The data set, if it is elsewhere by now."),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Hard links instead of copies: no space, shared files.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the last apply to --out back.")
    ] = False,
    as_json: common.AsJson = False,
) -> int:
    if out is None:
        raise OptionError("--out: wanted the folder of the new tree")
    if undo:
        if decisions or directory or link:
            raise OptionError("--undo takes --out alone")
        return _undo(out, as_json=as_json)
    if not decisions:
        raise OptionError("wanted a file of decisions; review pages save them")
    from phiz.cleaning.apply import apply_plan
    from phiz.cleaning.decisions import make_plan, read_decisions
    from phiz.cleaning.tree import read_tree

    decided = read_decisions(decisions)
    plan = make_plan(read_tree(directory or decided.root), decided)
    with common.counting(len(plan.places), "writing files") as step:
        done = apply_plan(plan, out, link=link, progress=step)
    moved = sum(name != place for name, place in plan.places.items())
    record = {
        "schema": 1, "out": str(out), "files": len(plan.places), "written": done.written,
        "moved": moved, "dropped": done.dropped, "aside": done.aside, "left_out": done.left_out,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(record))
    else:
        text = f"{out}: {common.plural(len(plan.places), 'file')}, {moved} of them elsewhere than "
        typer.echo(f"{text}before, {done.dropped} dropped; {done.written} written now")
    if done.left_out:
        typer.echo(f"phiz: left out {_no_files(done.left_out)}", err=True)
    if done.aside:
        files = common.plural(done.aside, "file")
        typer.echo(f"phiz: {files} of before went aside into {out / '.phiz-clean'}", err=True)
    return 0


def _undo(out: Path, *, as_json: bool) -> int:
    from phiz.cleaning.apply import undo

    done = undo(out)
    for problem in done.failed:
        typer.echo(f"phiz: {problem}", err=True)
    record = {"schema": 1, "out": str(out), "removed": done.written, "back": done.aside,
              "failed": list(done.failed)}  # fmt: skip
    if as_json:
        typer.echo(json.dumps(record))
    else:
        typer.echo(
            f"{out}: {common.plural(done.written, 'file')} taken away, {done.aside} put back"
        )
    return 1 if done.failed else 0
