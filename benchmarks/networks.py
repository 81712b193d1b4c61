"""Every network beside the same network in dlib's C++ library, in turns in one run.

    python benchmarks/networks.py [--threads 2] [--models gender ...] [--rounds 9]
                                  [--dlib-source FOLDER]

The C++ programs are in ``dlib_networks`` and are built into ``.cache/dlib_networks``: they need
make, g++, libdlib-dev and libopenblas-dev (Debian's names). They are compiled with -O3
-march=native; Debian's own library is for any x86-64, so --dlib-source (dlib's source) builds that
for this processor as well.

A round is one batch of 8 pictures through both (the detector: one of 640 x 480), from pixels to
outputs, and outputs are compared. Files come from ../shared or PHIZ_SHARED.
"""

from __future__ import annotations

import argparse
import bz2
import hashlib
import lzma
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from phiz.backends.ort import cached_session
from phiz.formats.dlib_net import Match, search_architectures
from phiz.nets import ARCHITECTURES

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("PHIZ_SHARED", ROOT.parent / "shared"))
PROGRAMS = Path(__file__).parent / "dlib_networks"
REST = 0.4  # seconds between runs: OpenBLAS's threads go on spinning for a while


@dataclass(frozen=True)
class Case:
    """A network: its architecture, its weight file, and one input's shape.

    node: the value to compare, where it is not the network's output.
    """

    arch: str
    file: str
    shape: tuple[int, ...]
    batch: int = 8
    node: str | None = None


CASES = {
    "gender": Case("cydral-gender", "models/dnn_gender_classifier_v1.dat.bz2", (32, 32, 3)),
    "age": Case("cydral-age", "golden/dlib/age/dnn_age_predictor_v1_from_onnx.dat.xz", (64, 64, 3)),
    "densenet": Case(
        "barel-face-densenet", "models/face_recognition_densenet_model_v1.dat.bz2", (150, 150, 3)
    ),
    "face_resnet": Case("dlib-face-resnet", "dlib-face-resnet-v1", (150, 150, 3)),
    "resnet34": Case(
        "dlib-imagenet-resnet34",
        "golden/dlib/resnet34/resnet34_1000_imagenet_classifier_pattern.dnn.xz",
        (227, 227, 3),
    ),
    "resnet50": Case(
        "dlib-imagenet-resnet50",
        "golden/dlib/resnet50/resnet50_1000_imagenet_classifier_pattern.dnn.xz",
        (224, 224, 3),
    ),
    "taguchi_gender": Case(
        "taguchi-gender",
        "golden/dlib/taguchi_gender/taguchi_model_gender_classifier_pattern.dnn.xz",
        (150, 150, 3),
    ),
    "dcgan": Case(
        "cydral-dcgan",
        "golden/dlib/dcgan/dcgan_162x162_synth_faces_pattern.dnn.xz",
        (100, 1, 1),
        node="sig2",
    ),
    "colorify": Case(
        "cydral-colorify", "golden/dlib/colorify/highres_colorify_pattern.dnn.xz", (227, 227)
    ),
    "mmod_human": Case(
        "dlib-mmod-human",
        "models/mmod_human_face_detector_dlib-models.dat.bz2",
        (480, 640, 3),
        batch=1,
    ),
}


def build(name: str, folder: Path, source: Path | None) -> Path:
    """Compile a C++ program and return it; end this one where that cannot be done."""
    missing = [tool for tool in ("make", "g++") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"missing {', '.join(missing)}: apt-get install make g++ libdlib-dev")
    options = [f"OUT={folder}", *([f"DLIB_SOURCE={source.resolve()}"] if source else [])]
    command = ["make", "--quiet", "-C", str(PROGRAMS), *options, str(folder / name)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("no build: apt-get install libdlib-dev libopenblas-dev, or --dlib-source")
    return folder / name


def unpack(case: Case) -> bytes:
    path = SHARED / case.file
    if not path.exists():  # the name of a model
        from phiz import store
        from phiz.zoo import require_entry

        path = store.require(require_entry(case.file)).path
    data = path.read_bytes()
    return {".bz2": bz2.decompress, ".xz": lzma.decompress}.get(path.suffix, bytes)(data)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


class Program:
    """The C++ program at work."""

    def __init__(self, path: Path, arguments: list[str], threads: int) -> None:
        limits = {key: str(threads) for key in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        self._process = subprocess.Popen(
            [str(path), *arguments],
            env={**os.environ, **limits},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> float:
        """Run it once; returns milliseconds."""
        assert self._process.stdin
        assert self._process.stdout
        print(file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline() or "nan")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def phiz_run(
    name: str, case: Case, match: Match, identity: str, pictures: np.ndarray, threads: int
) -> Callable[[], np.ndarray | None]:
    """Return what runs the network once and returns its outputs, or None where it has others."""
    if name == "mmod_human":
        return detector_run(match, identity, pictures[0], threads)
    graph = match.graph
    if case.node:
        graph = replace(graph, outputs=(case.node,))
    session = cached_session(
        lambda: graph,
        weights=identity,
        arch=f"{match.arch.name} {case.node}" if case.node else match.arch.name,
        threads=threads,
    )
    feeds = {graph.inputs[0].name: pictures}
    return lambda: next(iter(session.run(feeds).values()))


def detector_run(
    match: Match, identity: str, picture: np.ndarray, threads: int
) -> Callable[[], None]:
    """Return what finds faces in a picture."""
    from phiz.models.canvas_layout import output_to_input
    from phiz.models.mmod import MmodDetector
    from phiz.runtime import Runtime

    entry, params = match.arch.name, match.params
    detector = MmodDetector(
        cached_session(lambda: match.graph, weights=identity, arch=entry, threads=threads),
        net=params.loss["options"],
        mean=params.input["mean"],
        padding=params.input["padding"],
        outer_padding=params.input["outer_padding"],
        steps=output_to_input(match.graph),
        name=entry,
        identity=identity,
        runtime=Runtime(threads),
    )

    def find() -> None:
        detector(picture)

    return find


def compare(name: str, options: argparse.Namespace, folder: Path) -> None:
    case = CASES[name]
    program = build(name, folder, options.dlib_source)
    data = unpack(case)
    match = search_architectures(data, case.file, [ARCHITECTURES[case.arch]])
    random = np.random.default_rng(0)
    shape = (case.batch, *case.shape)
    if case.arch == "cydral-dcgan":
        pictures = random.standard_normal(shape).astype(np.float32)
    else:
        pictures = random.integers(0, 256, shape).astype(np.uint8)
    run = phiz_run(name, case, match, hashlib.sha256(data).hexdigest(), pictures, options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        weights, inputs, outputs = (Path(scratch) / part for part in ("net", "in", "out"))
        weights.write_bytes(data)
        inputs.write_bytes(pictures.tobytes())
        arguments = [str(weights), str(inputs), str(case.batch), str(outputs)]
        dlib = Program(program, arguments, options.threads)
        dlib()
        values = run()
        theirs, ours = [], []
        for _ in range(options.rounds):
            time.sleep(REST)
            theirs.append(dlib())
            time.sleep(REST)
            ours.append(milliseconds(run))
        dlib.close()
        want = np.fromfile(outputs, np.float32)
    off = "" if values is None else f"{np.abs(values.reshape(-1) - want).max():.1e}"
    largest = np.abs(want).max()
    one, other = statistics.median(theirs), statistics.median(ours)
    best = min(theirs) / min(ours)
    print(
        f"{name:<15}{one:>10.1f}{other:>10.1f}{one / other:>8.2f}{best:>8.2f}"
        f"   {off} of {largest:.3g}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dlib-source", type=Path)
    parser.add_argument("--build", type=Path, default=ROOT / ".cache" / "dlib_networks")
    options = parser.parse_args()
    folder = options.build.resolve() / ("source" if options.dlib_source else "debian")
    print(f"{'':<15}{'dlib ms':>10}{'phiz ms':>10}{'ratio':>8}{'best':>8}   largest difference")
    for name in options.models:
        compare(name, options, folder)


if __name__ == "__main__":
    main()
