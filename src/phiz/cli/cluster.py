"""phiz cluster."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import FormatError, OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from phiz.calibration import Calibration
    from phiz.checks import I64
    from phiz.clustering import Merge, Stability
    from phiz.clustering.cluster import Method
    from phiz.table import FaceTable

NAME = "cluster"
HELP = """Who is in these pictures? Groups all faces by person.

Results are remembered by picture content and model: an interrupted run goes on where it stopped.

Example: phiz cluster holiday/ --out people/   (then open people/report.html)
"""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Who is who, and what was asked for besides.

    merges: None if not asked for.  stability: over ``seeds`` other seeds, None if not asked for.
    """

    labels: I64
    threshold: float
    merges: list[Merge] | None
    stability: Stability | None
    seeds: int

    def beyond(self, label: int) -> dict[str, float]:
        """Return the columns of a face beyond its label."""
        if self.stability is None:
            return {}
        return {
            "together": round(float(self.stability.together[label]), 4),
            "strangers": round(float(self.stability.strangers[label]), 4),
        }


def main(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures and folders; folders are searched recursively."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.html and labels.csv, or the name of the HTML file."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Faces closer than this are joined; default: the model's own (0.6)."),
    ] = None,
    calibration: common.CalibrationFile = None,
    method: Annotated[
        str,
        typer.Option(help="whispers: as dlib's chinese_whispers; newman: as its newman_cluster."),
    ] = "whispers",
    neighbours: Annotated[
        int | None,
        typer.Option(
            help="Join each face to so many of its nearest; default: to all that are close, or to "
            "16 where there are more than 50,000 faces (needs phiz[scale])."
        ),
    ] = None,
    cannot_link: Annotated[
        bool, typer.Option("--cannot-link", help="Two faces of one picture are never one person.")
    ] = False,
    suggest_merges: Annotated[
        bool, typer.Option("--suggest-merges", help="List people joined by many close faces.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=0, help="Cluster again with so many seeds: who stays together?")
    ] = 0,
    vectors: Annotated[
        Path | None,
        typer.Option(help="An .npy file of descriptors (n, d) instead of pictures."),
    ] = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    jitter: common.Jitter = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per face.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="labels.csv on standard output.")] = False,
    cache: Annotated[bool, typer.Option(help="Remember descriptors between runs.")] = True,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if as_json and as_csv:
        raise OptionError("give either --json or --csv, not both")
    if threshold is not None and not threshold > 0:
        raise OptionError(f"--threshold: wanted a number above 0, found {threshold}")
    if method not in ("whispers", "newman"):
        raise OptionError(f"--method: wanted whispers or newman, found {method!r}")
    if (vectors is None) == (not pictures):
        raise OptionError("give either pictures or --vectors")
    folder, page = _targets(out)
    limit = common.limit(threshold, calibration)
    target = common.parquet_file(parquet)
    from phiz.table import FaceTable

    count = common.Counted()
    faces: FaceTable | NDArray[np.float32]
    if vectors is not None:
        if parquet is not None:
            raise OptionError("--parquet: vectors are no faces of pictures: take --csv")
        if cannot_link:
            raise OptionError("--cannot-link: vectors do not say which picture they are of")
        faces = _read_vectors(vectors)
    else:
        found = common.find_pictures(pictures or [], skip=folder)
        models = (detector, landmarks, descriptor)
        common.ensure_models(models)
        from phiz.pipeline import make_recipe

        recipe = make_recipe(
            *models,
            upsample=upsample,
            threshold=score,
            jitter=jitter,
            max_pixels=max_pixels,
            precision=precision,
        )
        tables = []
        for table, count in common.analysed(  # noqa: B007
            found, recipe, "describing faces", cached=cache
        ):
            tables.append(table)
        faces = FaceTable.concat(tables)

    answer = _answer(
        faces, threshold=limit, method=method, neighbours=neighbours, cannot_link=cannot_link,
        merges=suggest_merges, seeds=seeds,
    )  # fmt: skip
    with target as keep:
        if isinstance(faces, FaceTable):
            keep(replace(faces, attributes={"person": answer.labels}))
    if as_json:
        for line in _json_lines(faces, answer):
            typer.echo(line)
    elif as_csv:
        typer.echo(_labels_csv(faces, answer), nl=False)
    else:
        _summary(faces, answer)
    if not as_json:
        _tell(answer, err=as_csv)
    if folder and page:
        _write(folder, page, faces, answer, max_pixels)
    if vectors is None:
        typer.echo(f"phiz: {count}", err=True)
    return count.exit_code()


def _read_vectors(path: Path) -> NDArray[np.float32]:
    """Open an .npy file of vectors without reading it; FormatError if it is none."""
    import numpy as np

    want = "an .npy file of numbers (n, d)"
    if not path.is_file():
        raise OptionError(f"--vectors {path}: there is no such file")
    try:
        vectors = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, OverflowError, EOFError) as error:
        raise FormatError(str(path), 0, want, str(error).splitlines()[0]) from error
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise FormatError(str(path), 0, want, f"{vectors.dtype} {vectors.shape}")
    return vectors


def _answer(
    faces: FaceTable | NDArray[np.float32],
    *,
    threshold: float | Calibration | None,
    method: str,
    neighbours: int | None,
    cannot_link: bool,
    merges: bool,
    seeds: int,
) -> _Answer:
    from phiz import clustering
    from phiz.clustering.nearest import EXACT

    if neighbours is None and len(faces) > EXACT:
        typer.echo(
            "phiz: each face is joined to some of its nearest only, found by lists", err=True
        )
    with common.counting(len(faces), "comparing faces") as step:
        linked = clustering.link_faces(
            faces, threshold=threshold, neighbours=neighbours, cannot_link=cannot_link,
            progress=common.totals(step),
        )  # fmt: skip
    if linked.neighbours is not None:
        typer.echo(
            f"phiz: each face joined to its {linked.neighbours} nearest closer than "
            f"{linked.threshold:.3g}; {100 * linked.recall:.1f} % of the true ones were found",
            err=True,
        )
    chosen = cast("Method", method)
    labels = clustering.label_faces(linked, method=chosen)
    suggested = clustering.suggest_merges(linked, labels) if merges else None
    again = None
    if seeds:
        with common.counting(seeds, "other seeds") as step:
            again = clustering.stability(
                linked, labels, range(1, seeds + 1), method=chosen, progress=lambda _done: step()
            )
    return _Answer(labels, linked.threshold, suggested, again, seeds)


def _write(
    folder: Path,
    page: Path,
    faces: FaceTable | NDArray[np.float32],
    answer: _Answer,
    max_pixels: int,
) -> None:
    """Write labels.csv, merges.csv if asked for, and the page if there are pictures."""
    from phiz.cache import writing
    from phiz.table import FaceTable

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "labels.csv"]
    with writing(written[0]) as file:
        file.write(_labels_csv(faces, answer).encode())
    if answer.merges is not None:
        written.append(folder / "merges.csv")
        with writing(written[-1]) as file:
            file.write(_merges_csv(answer.merges).encode())
    if isinstance(faces, FaceTable):
        from phiz.cli.report import write_report

        write_report(page, faces, answer.labels, answer.threshold, max_pixels=max_pixels)
        written.insert(0, page)
    typer.echo(f"phiz: wrote {' and '.join(str(path) for path in written)}", err=True)


def _targets(out: Path | None) -> tuple[Path | None, Path | None]:
    """Return the folder of results and the page in it."""
    if out is None:
        return None, None
    if out.suffix.lower() in (".html", ".htm"):
        return out.parent, out
    if out.exists() and not out.is_dir():
        raise OptionError(f"--out {out}: wanted a folder or a name that ends in .html")
    return out, out / "report.html"


def _places(faces: FaceTable | NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    """Yield where each face is: in a picture, or in a row of vectors."""
    from phiz.table import FaceTable

    if not isinstance(faces, FaceTable):
        yield from ({"row": row} for row in range(len(faces)))
        return
    names, sources = faces.face_id, faces.source
    for i, source in enumerate(sources):
        yield {
            "path": source,
            "face": int(faces.rank[i]),
            "face_id": names[i],
            "box": faces.boxes[i].tolist(),
            "score": faces.scores[i],
        }


def _labels_csv(faces: FaceTable | NDArray[np.float32], answer: _Answer) -> str:
    from phiz.table import FaceTable

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    more = list(answer.beyond(0)) if len(answer.labels) else []
    bare = not isinstance(faces, FaceTable)
    where = ["row"] if bare else ["path", "face", "x0", "y0", "x1", "y1", "score"]
    rows.writerow([*where, "label", *more])
    for place, label in zip(_places(faces), answer.labels.tolist(), strict=True):
        extra = answer.beyond(label).values()
        if bare:
            rows.writerow([place["row"], label, *extra])
            continue
        box = [f"{side:g}" for side in place["box"]]
        rows.writerow([place["path"], place["face"], *box, place["score"], label, *extra])
    return text.getvalue()


def _merges_csv(merges: list[Merge]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["one", "other", "edges", "share", "distance"])
    for merge in merges:
        rows.writerow(
            [merge.one, merge.other, merge.edges, f"{merge.share:.4f}", f"{merge.distance:.4f}"]
        )
    return text.getvalue()


def _json_lines(faces: FaceTable | NDArray[np.float32], answer: _Answer) -> Iterator[str]:
    for place, label in zip(_places(faces), answer.labels.tolist(), strict=True):
        where = {key: value for key, value in place.items() if key != "score"}
        record = {"schema": 1, **where, "label": label, **answer.beyond(label)}
        yield json.dumps(record, ensure_ascii=False)
    if answer.stability is not None:
        rand = [round(value, 6) for value in answer.stability.adjusted_rand.tolist()]
        yield json.dumps({"schema": 1, "seeds": answer.seeds, "adjusted_rand": rand})
    for merge in answer.merges or []:
        yield json.dumps(
            {
                "schema": 1,
                "merge": [merge.one, merge.other],
                "edges": merge.edges,
                "share": round(merge.share, 6),
                "distance": round(merge.distance, 6),
            }
        )


def _summary(faces: FaceTable | NDArray[np.float32], answer: _Answer) -> None:
    """Print who was found, the most frequent first."""
    import numpy as np

    from phiz.table import FaceTable

    labels = answer.labels
    people, sizes = np.unique(labels, return_counts=True)
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sources = faces.source if isinstance(faces, FaceTable) else None
    for place in np.argsort(-sizes, kind="stable"):
        rows = order[starts[place] : starts[place + 1]]
        if len(rows) == 1:
            break
        if sources is None:
            names, where = [str(row) for row in rows.tolist()], "rows"
        else:
            names = sorted({sources[row] for row in rows})
            where = f"in {common.plural(len(names), 'picture')}:"
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        line = f"person {people[place]}: {len(rows)} faces {where} {shown}"
        if answer.stability is not None:
            share = 100 * answer.stability.together[people[place]]
            line += f" ({share:.0f} % of pairs stay together)"
        typer.echo(line)
    single = int((sizes == 1).sum())
    often = common.plural(int((sizes > 1).sum()), "person", "people")
    typer.echo(f"{often} seen more than once, {single} seen once")


def _tell(answer: _Answer, *, err: bool) -> None:
    """Print what was asked for besides the labels."""
    if answer.stability is not None:
        rand = answer.stability.adjusted_rand
        typer.echo(
            f"with {common.plural(answer.seeds, 'other seed')}: adjusted Rand index "
            f"{rand.mean():.4f} on average, {rand.min():.4f} at worst",
            err=err,
        )
    for merge in answer.merges or []:
        typer.echo(
            f"person {merge.one} and person {merge.other} may be one: "
            f"{common.plural(merge.edges, 'edge')}, {100 * merge.share:.0f} % of those possible, "
            f"mean distance {merge.distance:.3f}",
            err=err,
        )
    if answer.merges is not None and not answer.merges:
        typer.echo("no two people are joined by many faces", err=err)
