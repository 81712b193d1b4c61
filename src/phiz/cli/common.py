"""What commands share: options, finding pictures, fetching models, progress, output."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phiz.errors import DownloadError, OptionError

if TYPE_CHECKING:
    from phiz.calibration import Calibration
    from phiz.facecache import FaceCache
    from phiz.pipeline import Recipe
    from phiz.table import FaceTable

__all__ = [
    "Counted",
    "Writer",
    "common_folder",
    "counted",
    "counting",
    "ensure_models",
    "find_pictures",
    "limit",
    "parquet_file",
    "plural",
    "remembered",
    "start",
]

Pictures = Annotated[
    list[Path], typer.Argument(help="Pictures and folders; folders are searched recursively.")
]
DetectorName = Annotated[
    str, typer.Option("--detector", help="Detector: a name of 'phiz models', or a weight file.")
]
LandmarkName = Annotated[
    str, typer.Option("--landmarks", help="Landmark model: a name, or a weight file.")
]
DescriptorName = Annotated[
    str, typer.Option("--descriptor", help="Descriptor model: a name, or a weight file.")
]
Precision = Annotated[
    str,
    typer.Option(
        help="What the descriptor model computes in: float32, or int8, which is faster and not "
        "quite the same ('phiz models info' says what it costs)."
    ),
]
Upsample = Annotated[
    int,
    typer.Option(
        min=0, max=8, help="Double pictures this often to find smaller faces; each costs 4x time."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--score",
        help="Added to the threshold of a dlib detector, below 0 finds more faces; instead of the "
        "least score, 0 to 1, of the others.",
    ),
]
Jitter = Annotated[
    int, typer.Option(min=0, help="Average descriptors over this many moved copies of each face.")
]
Cached = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Remember what was found between runs.")
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", help="File of 'phiz calibrate': decides instead of --threshold."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on standard output.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
Parquet = Annotated[
    Path | None,
    typer.Option(help="Write the faces into this Parquet file too (wants phiz[arrow])."),
]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, help="Refuse pictures with more pixels.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads to use; by default every processor.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Never download weights.")]
CommercialOnly = Annotated[
    bool, typer.Option("--commercial-only", help="Refuse models not licensed for commercial use.")
]

MAX_PIXELS = 100_000_000  # phiz.imaging.MAX_PIXELS, known here without importing Pillow


def start(*, threads: int | None, offline: bool, commercial_only: bool) -> None:
    """Put the options that hold for the whole process where the libraries look for them."""
    if threads is not None:
        os.environ["PHIZ_THREADS"] = str(threads)
    if offline:
        os.environ["PHIZ_OFFLINE"] = "1"
    if commercial_only:
        os.environ["PHIZ_COMMERCIAL_ONLY"] = "1"


def limit(threshold: float | None, calibration: Path | None) -> float | Calibration | None:
    """Return what decides who is the same person: a threshold, or a calibration file."""
    if calibration is None:
        return threshold
    if threshold is not None:
        raise OptionError("give either --threshold or --calibration, not both")
    from phiz.calibration import read_calibration

    return read_calibration(calibration)


def ensure_models(names: Iterable[str]) -> None:
    """Download the models that are named and not here, saying so."""
    from phiz import store
    from phiz.zoo import find_entry

    for name in names:
        entry = find_entry(name)
        if entry is None or Path(name).is_file():
            continue
        store.allow_licence(entry)
        if store.locate(entry) is not None:
            continue
        if store.offline():
            raise DownloadError(
                f"{entry.name} is not here and downloads are forbidden. Get it with one of\n"
                f"{store.how_to_get(entry)}"
            )
        pull_with_progress(name)


def pull_with_progress(name: str) -> Path:
    """Download a model, with a progress bar on standard error; returns where it is."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from phiz import store
    from phiz.zoo import require_entry

    entry = require_entry(name)
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    if not console.is_terminal:
        typer.echo(f"phiz: downloading {entry.name} ({entry.file})", err=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"downloading {entry.name}", total=entry.revisions[0].sources[0].size)
        found = store.pull(entry, lambda done, size: bar.update(task, completed=done, total=size))
    return found.path


def find_pictures(paths: Sequence[Path], *, skip: Path | None = None) -> list[Path]:
    """Return the pictures that are named and those in folders, sorted, each once.

    skip: a folder not to look into, such as the one for results.  Files that are named need not
    look like pictures, nor exist: reading them says what is wrong.
    """
    from phiz.imaging import is_picture_name

    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        for folder, inside, files in os.walk(path):
            inside[:] = sorted(
                name
                for name in inside
                if not name.startswith(".") and (skip is None or Path(folder, name) != skip)
            )
            for name in sorted(files):
                if is_picture_name(name):
                    found[Path(folder, name)] = None
    if not found:
        raise OptionError(f"no pictures in {', '.join(str(path) for path in paths)}")
    return list(found)


def parquet_file(path: Path | None) -> AbstractContextManager[Callable[[FaceTable], None]]:
    """Return the file that ``--parquet`` names, to be opened; it yields what takes the tables.

    It is there when the block has ended well.  Without a path nothing is written.  What is missing
    for it is told now, before any work is done.
    """
    if path is None:
        return nullcontext(lambda _table: None)
    from phiz.arrow import writing_parquet
    from phiz.arrow.door import pyarrow
    from phiz.imaging import is_picture_name

    if path.is_dir() or is_picture_name(path.name):
        found = "a folder" if path.is_dir() else "the name of a picture"
        raise OptionError(f"--parquet {path}: wanted the name of a Parquet file, found {found}")
    pyarrow()
    return writing_parquet(path)


def common_folder(pictures: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all pictures."""
    folders = [path.absolute().parent for path in pictures]
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    return common


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return "1 face" or "2 faces"."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


class Counted:
    """What a run over many pictures came to."""

    def __init__(self, noun: str = "face") -> None:
        self.noun = noun
        self.pictures = self.faces = self.failed = 0

    def exit_code(self) -> int:
        """0 if every picture could be read, else 1."""
        return 1 if self.failed else 0

    def __str__(self) -> str:
        text = (
            f"{plural(self.faces, self.noun)} in {plural(self.pictures - self.failed, 'picture')}"
        )
        return f"{text}, {self.failed} could not be read" if self.failed else text


@contextmanager
def counting(total: int, what: str) -> Iterator[Any]:
    """Show progress with rate and ETA on standard error; yields a function to call per step."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f}/s")

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps=1: bar.advance(task, steps)


def totals(step: Callable[[int], None]) -> Callable[[int], None]:
    """Return what takes running totals, where :func:`counting` yields what takes steps."""
    done = 0

    def progress(total: int) -> None:
        nonlocal done
        step(total - done)
        done = total

    return progress


def analysed(
    paths: Sequence[Path], recipe: Recipe, what: str, *, noun: str = "face", cached: bool = False
) -> Iterator[tuple[FaceTable, Counted]]:
    """Run the pipeline over pictures with progress; yields each table and the count so far.

    Pictures that cannot be read are reported on standard error as they come.
    """
    from phiz.pipeline import run

    with remembered(cached) as cache:
        yield from counted(run(paths, recipe, cache=cache), len(paths), what, noun=noun)


@contextmanager
def remembered(wanted: bool) -> Iterator[FaceCache | None]:
    """Open what was found in pictures before, if that is wanted."""
    from phiz.facecache import FaceCache

    cache = FaceCache() if wanted else None
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()


def counted(
    tables: Iterable[FaceTable], total: int, what: str, *, noun: str = "face"
) -> Iterator[tuple[FaceTable, Counted]]:
    """Count tables of one picture each, with progress; yields each table and the count so far.

    Pictures with an error are reported on standard error as they come.
    """
    count = Counted(noun)
    with counting(total, what) as step:
        for table in tables:
            step()
            count.pictures += 1
            count.faces += len(table)
            problem = table.pictures[0].error
            if problem is not None:
                count.failed += 1
                typer.echo(f"phiz: {problem}", err=True)
            yield table, count


class Writer:
    """Prints tables: for people, as JSON Lines, or as CSV."""

    def __init__(self, *, as_json: bool, as_csv: bool, noun: str = "face") -> None:
        if as_json and as_csv:
            raise OptionError("give either --json or --csv, not both")
        self._json, self._csv, self._noun = as_json, as_csv, noun
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._headed = False

    def write(self, table: FaceTable) -> None:
        """Print the table of one picture."""
        if self._json:
            for record in table.records():
                typer.echo(json.dumps(record, ensure_ascii=False))
        elif self._csv:
            self._write_csv(table)
        elif table.pictures[0].error is None:
            self._write_text(table)

    def _write_text(self, table: FaceTable) -> None:
        count = len(table)
        found = plural(count, self._noun) if count else f"no {self._noun}s"
        typer.echo(f"{table.pictures[0].source}: {found}")
        for i in range(count):
            x0, y0, x1, y1 = (f"{side:g}" for side in table.boxes[i].tolist())
            line = f"  {x0} {y0} {x1} {y1}  score {table.scores[i]:.3f}"
            if table.labels[i]:
                line += f"  {table.labels[i]}"
            if table.landmarks is not None and table.descriptors is None:
                points = " ".join(f"({x:g}, {y:g})" for x, y in table.landmarks[i].tolist())
                line += f"  {points}"
            if table.descriptors is not None:
                head = " ".join(f"{part:.3f}" for part in table.descriptors[i][:4])
                line += f"  [{head} ... {table.descriptors.shape[1]} numbers]"
            typer.echo(line)

    def _write_csv(self, table: FaceTable) -> None:
        points = 0 if table.landmarks is None else table.landmarks.shape[1]
        numbers = 0 if table.descriptors is None else table.descriptors.shape[1]
        if not self._headed:
            head = ["path", "width", "height", "face", "x0", "y0", "x1", "y1", "score", "label"]
            head += [f"{axis}{i}" for i in range(points) for axis in ("px", "py")]
            self._rows.writerow([*head, *(f"d{i}" for i in range(numbers))])
            self._headed = True
        for record in table.records():
            for rank, face in enumerate(record.get("faces", [])):
                flat = [side for point in face["landmarks"] or [] for side in point]
                self._rows.writerow(
                    [record["path"], record["width"], record["height"], rank, *face["box"],
                     face["score"], face["label"] or "", *flat, *(face["descriptor"] or [])]
                )  # fmt: skip
