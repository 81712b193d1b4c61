"""face-api.js's models beside its fork @vladmandic/face-api in Node, in turns in one run.

    python benchmarks/faceapi.py [--threads 2] [--models ssd tiny ...] [--rounds 9]
                                 [--node FOLDER]

The packages that ``faceapi_node/package.json`` names, 1.7.15 with tfjs 4.22.0, are installed from
the npm registry into FOLDER, ``.cache/faceapi_node`` by default: it needs Node and npm (Debian's
nodejs and npm). Their wasm backend uses SIMD, and one thread: tfjs has no others in Node. Both
sides take the weights that are in the package. Pictures are those that scikit-image and Matplotlib
carry.

A round is from RGB pixels to results. Detectors find the faces of a picture of 640 x 480, or of 8;
the fork looks at one picture at a time. The others take 8 parts of pictures around a face, which
both pad and resize; the fork makes a batch of an array. Results are compared with phiz's pixels
divided by 255, as the fork does, where face-api.js divides by 256: ``YoloOptions.divisor`` and
``FaceNetOptions.divisor`` say which.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import skimage
from PIL import Image

import phiz
from phiz.models import faceapi_input, faceapi_yolo

ROOT = Path(__file__).parents[1]
PROGRAM = Path(__file__).parent / "faceapi_node"
PACKAGE = Path("node_modules", "@vladmandic", "face-api")
WARM = 5  # runs before the first round: Node compiles what it has run a few times
REST = 0.4  # seconds between runs: threads go on spinning for a while
BATCH = 8

SOURCES = (
    Path(skimage.__file__).parent / "data" / "astronaut.png",
    Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg",
)
AROUND = (  # four parts of each picture, x0 y0 x1 y1
    ((226, 91, 331, 218), (205, 93, 350, 233), (215, 80, 340, 230), (232, 85, 322, 225)),
    ((217, 154, 435, 407), (202, 181, 459, 425), (210, 140, 450, 420), (230, 165, 425, 430)),
)

Pictures = Sequence[np.ndarray]
Rows = list[np.ndarray]


def make_pictures() -> list[np.ndarray]:
    """Return two pictures with a face, (480, 640, 3)."""
    found = []
    for path in SOURCES:
        with Image.open(path) as file:
            scaled = file.convert("RGB").resize((640, 480), box=(0, 0, 512, 384))
        found.append(np.array(scaled))
    return found


def make_crops() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return a picture, boxes in it (8, 4), and the parts that they show."""
    pictures = make_pictures()
    boxes = [
        (x0 + 640 * index, y0, x1 + 640 * index, y1)
        for index, parts in enumerate(AROUND)
        for x0, y0, x1, y1 in parts
    ]
    scene = np.concatenate(pictures, axis=1)
    crops = [np.ascontiguousarray(scene[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes]
    return scene, np.array(boxes, np.float32), crops


@dataclass(frozen=True)
class Work:
    """One round.

    inputs: what the fork is given.  run: phiz's way.  rows: turns what that returns into numbers of
    each input, as ``run.js`` gives them.
    """

    inputs: Pictures
    run: Callable[[], Any]
    rows: Callable[[Any], Rows]


def detect(model: Any, count: int) -> Work:
    """Find the faces of one picture, or of several at once."""
    first, second = make_pictures()
    pictures = [first, second, first[:, ::-1], second[:, ::-1]] * (BATCH // 4)
    pictures = [np.ascontiguousarray(picture) for picture in pictures[:count]]

    def rows(found: Any) -> Rows:
        each = found if count > 1 else [found]
        return [np.column_stack([faces.boxes, faces.scores]) for faces in each]

    return Work(pictures, partial(model, pictures if count > 1 else pictures[0]), rows)


def place(model: Any, count: int) -> Work:
    """Place the landmarks of faces."""
    scene, boxes, crops = make_crops()

    def rows(found: Any) -> Rows:
        return list(found.points - boxes[:count, None, :2])

    return Work(crops[:count], partial(model, scene, boxes[:count]), rows)


def judge(model: Any, count: int, *, rows: Callable[[Any], Rows]) -> Work:
    """Describe faces, or score them."""
    crops = make_crops()[-1][:count]
    return Work(crops, partial(model, crops), rows)


@dataclass(frozen=True)
class Case:
    """A model: its name in the zoo and in ``run.js``, what it does, and how often in a round."""

    zoo: str
    node: str
    make: Callable[[Any, int], Work]
    count: int = BATCH
    options: object = None


describe = partial(judge, rows=lambda found: list(found.vectors))
score = partial(judge, rows=lambda found: list(found.probs))
score_age = partial(judge, rows=lambda found: list(np.column_stack([found.age, found.probs[:, 0]])))
TINY = faceapi_yolo.YoloOptions(divisor=255)
FACE = faceapi_input.FaceNetOptions(divisor=255)

CASES = {
    "ssd": Case("faceapi-ssd-mobilenetv1", "ssd", detect, 1),
    "tiny": Case("faceapi-tiny", "tiny", detect, 1, TINY),
    "tiny_batch": Case("faceapi-tiny", "tiny", detect, BATCH, TINY),
    "landmarks": Case("faceapi-landmarks-68", "landmarks", place),
    "landmarks_tiny": Case("faceapi-landmarks-68-tiny", "landmarks_tiny", place),
    "recognition": Case("faceapi-face-resnet", "recognition", describe, options=FACE),
    "expressions": Case("faceapi-expression", "expressions", score),
    "age_gender": Case("faceapi-age-gender", "age_gender", score_age, options=FACE),
}


def install(folder: Path) -> None:
    """Install the packages, unless they are there; end this program where that cannot be done."""
    missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"missing {', '.join(missing)}: apt-get install nodejs npm")
    wanted = (PROGRAM / "package.json").read_bytes()
    asked = folder / "package.json"
    if (folder / PACKAGE).is_dir() and asked.exists() and asked.read_bytes() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked.write_bytes(wanted)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        asked.unlink()
        raise SystemExit(f"npm install in {folder} failed: see its message above")


class Node:
    """The fork at work on some pictures."""

    def __init__(self, folder: Path, model: str, inputs: Pictures, scratch: Path) -> None:
        self._results = scratch / "results.json"
        pixels = scratch / "pixels"
        pixels.write_bytes(b"".join(picture.tobytes() for picture in inputs))
        sizes = [f"{picture.shape[0]}x{picture.shape[1]}" for picture in inputs]
        self._process = subprocess.Popen(
            ["node", PROGRAM / "run.js", folder, model, pixels, self._results, *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> float:
        """Run it once; returns milliseconds."""
        assert self._process.stdin
        assert self._process.stdout
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("run.js ended: see its message above")
        return float(line)

    def results(self) -> tuple[dict[str, Any], Rows]:
        """Return what the backend is, and the numbers of each input, of the first run."""
        said = json.loads(self._results.read_text())
        return said["about"], [np.array(numbers) for numbers in said["numbers"]]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def difference(ours: Rows, theirs: Rows) -> str:
    """Say how far results are from each other at most, and how large they get."""
    counts = [len(rows) for rows in ours], [len(rows) for rows in theirs]
    if counts[0] != counts[1]:
        return f"found {counts[0]}, not {counts[1]}"
    pairs = list(zip(ours, theirs, strict=True))
    off = max(np.abs(one - other.reshape(one.shape)).max(initial=0) for one, other in pairs)
    return f"{off:.1e} of {max(np.abs(other).max(initial=0) for _, other in pairs):.3g}"


def compare(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    case = CASES[name]
    model = phiz.load(case.zoo, threads=options.threads, options=case.options)
    work = case.make(model, case.count)
    with tempfile.TemporaryDirectory() as scratch:
        node = Node(folder, case.node, work.inputs, Path(scratch))
        values = work.rows(work.run())
        for _ in range(WARM):
            node()
        theirs, ours = [], []
        for _ in range(options.rounds):
            time.sleep(REST)
            theirs.append(node() / case.count)
            time.sleep(REST)
            ours.append(milliseconds(work.run) / case.count)
        about, numbers = node.results()
        node.close()
    one, other = statistics.median(theirs), statistics.median(ours)
    best = min(theirs) / min(ours)
    print(
        f"{name:<15}{one:>10.2f}{other:>10.2f}{one / other:>8.2f}{best:>8.2f}"
        f"{1000 / other:>10.1f}   {difference(values, numbers)}",
        flush=True,
    )
    return about


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--node", type=Path, default=ROOT / ".cache" / "faceapi_node")
    options = parser.parse_args()
    folder = options.node.resolve()
    install(folder)
    os.environ["PHIZ_MODEL_DIR"] = str(folder / PACKAGE / "model")
    load = os.getloadavg()[0]
    print("milliseconds a picture or face; median of the rounds, and the ratio of the best ones")
    print(
        f"{'':<15}{'fork ms':>10}{'phiz ms':>10}{'ratio':>8}{'best':>8}{'phiz /s':>10}"
        "   largest difference"
    )
    for name in options.models:
        about = compare(name, options, folder)
    threads = "threads" if about["threads"] else "one thread"
    print(
        f"fork: @vladmandic/face-api {about['version']}, {about['backend']}"
        f"{' SIMD' if about['simd'] else ''}, {threads}; phiz: {options.threads} threads; "
        f"machine's load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    )


if __name__ == "__main__":
    main()
