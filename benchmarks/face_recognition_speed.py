"""face_recognition on phiz against face_recognition on dlib: its functions at four sizes.

    python benchmarks/face_recognition_speed.py --against PYTHON [--rounds 5] [--threads 2]

PYTHON is an interpreter that has face_recognition 1.3.0 and dlib.  What is measured is what the
original's own ``examples/benchmark.py`` measures: places, landmarks, encodings, and all of it, of a
portrait at 240 to 1080 rows, and encodings of a picture of many faces.  Both sides run the same
worker; they take turns, and ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import phiz
from phiz.benchmark import resized
from phiz.imaging import encode

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / ".cache" / "pictures"
WORKER = Path(__file__).parent / "face_recognition_speed_worker.py"
ROWS = (240, 480, 720, 1080)
BARS = {"face_locations": 1.5, "face_encodings": 5.0}
# Times in a row, so that the clock measures milliseconds.
TASKS = {"face_locations": 1, "face_landmarks": 20, "face_encodings": 2, "end to end": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    threads = str(options.threads)
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "PHIZ_THREADS")
    limits = dict.fromkeys(names, threads)
    ours_first = os.pathsep.join(
        [str(ROOT / "packages" / "phiz-face-recognition" / "src"), str(ROOT / "src")]
    )

    def worker(python: str, **more: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.Popen(
            [python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, **limits, **more},
        )

    sides = [worker(sys.executable, PYTHONPATH=ours_first), worker(str(options.against))]
    low = []
    with tempfile.TemporaryDirectory() as folder:
        obama = phiz.read_image(PICTURES / "face_recognition-obama.jpg")
        crowd = phiz.read_image(PICTURES / "insightface-t1.jpg")
        cases = {f"obama {rows} rows": (obama, rows) for rows in ROWS}
        cases[f"{crowd.shape[0]} rows, many faces"] = (crowd, crowd.shape[0])
        for title, (source, rows) in cases.items():
            path = Path(folder) / f"{title}.png"
            size = (max(1, source.shape[1] * rows // source.shape[0]), rows)
            path.write_bytes(encode(resized(source, *size), ".png"))
            for task, times in TASKS.items():
                taken: list[list[float]] = [[], []]
                for turn in range(options.rounds + 1):
                    for side, seconds in zip(sides, taken, strict=True):
                        assert side.stdin is not None
                        assert side.stdout is not None
                        side.stdin.write(json.dumps([str(path), task, times]) + "\n")
                        side.stdin.flush()
                        answer = float(side.stdout.readline())
                        if turn:  # the first is to warm up
                            seconds.append(answer)
                phiz_time, dlib_time = (statistics.median(seconds) for seconds in taken)
                ratio = dlib_time / phiz_time
                if ratio < BARS.get(task, 0):
                    low.append(f"{task} of {title}: {ratio:.2f} x, below {BARS[task]} x")
                print(
                    f"{title:24s} {task:16s} phiz {phiz_time * 1e3:8.2f} ms   "
                    f"face_recognition {dlib_time * 1e3:9.2f} ms   {ratio:6.2f} x",
                    flush=True,
                )
    for side in sides:
        assert side.stdin is not None
        side.stdin.close()
        side.wait()
    print("\n".join(low) or "every bar is met", flush=True)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
