"""A folder of pictures to people: phiz against face_recognition, side by side in one run.

    python benchmarks/folder.py FOLDER --against PYTHON [--limit 200] [--threads 2]

PYTHON is an interpreter that has face_recognition 1.3.0 and dlib.  Both detect with HOG at one
upsampling, place 5 points, describe without jitter and cluster at 0.6.  They take turns on parts of
the folder; decoding and clustering are in the clock, loading models is not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import phiz
from phiz.cli.common import find_pictures
from phiz.pipeline import make_recipe, run
from phiz.runtime import Runtime
from phiz.table import FaceTable

WORKER = Path(__file__).parent / "face_recognition_worker.py"
PART = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", type=int, default=PART)
    options = parser.parse_args()
    threads = str(options.threads)
    reference = subprocess.Popen(
        [str(options.against), str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
    )

    def ask(**command: object) -> dict[str, object]:
        reference.stdin.write(json.dumps(command) + "\n")
        reference.stdin.flush()
        return json.loads(reference.stdout.readline())

    paths = find_pictures([options.folder])[: options.limit]
    runtime = Runtime(options.threads)
    recipe = make_recipe(upsample=1, runtime=runtime)
    list(run(paths[:2], recipe, runtime=runtime))
    ask(command="describe", paths=[])
    ours = theirs = 0.0
    tables = []
    for first in range(0, len(paths), options.part):
        part = paths[first : first + options.part]
        start = time.perf_counter()
        tables += list(run(part, recipe, runtime=runtime))
        ours += time.perf_counter() - start
        theirs += float(ask(command="describe", paths=[str(path) for path in part])["seconds"])
        print(f"{first + len(part)} pictures: {theirs / ours:.2f} x", flush=True)
    start = time.perf_counter()
    labels = phiz.cluster(FaceTable.concat(tables)).tolist()
    ours += time.perf_counter() - start
    answer = ask(command="cluster")
    theirs += float(answer["seconds"])
    reference.stdin.close()
    reference.wait()
    print(
        f"{len(paths)} pictures, {len(labels)} faces, {threads} threads: "
        f"phiz {len(paths) / ours:.1f} pictures/s, "
        f"face_recognition {len(paths) / theirs:.2f} pictures/s, {theirs / ours:.1f} x; "
        f"labels {'equal' if labels == answer['labels'] else 'differ'}"
    )


if __name__ == "__main__":
    main()
