"""What starting costs: import, first use with empty caches, warm start, and loading.

    python benchmarks/start.py [--against PYTHON]

Installs phiz and its weights into a new virtual environment, makes its site-packages read-only, and
times fresh processes.  PYTHON is an interpreter that has dlib, for loading the 68-point file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".cache" / "pictures" / "face_recognition-obama.jpg"

LOAD = (
    "import time, numpy, phiz; start = time.perf_counter(); phiz.load({name!r});"
    "print(time.perf_counter() - start)"
)
IMPORT = (
    "import time, numpy; start = time.perf_counter(); import phiz;"
    "print(time.perf_counter() - start)"
)
DLIB = (
    "import time, dlib; start = time.perf_counter(); dlib.shape_predictor({path!r});"
    "print(time.perf_counter() - start)"
)


def seconds(python: Path, code: str, **environment: str) -> float:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [str(python), "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        venv, cache = Path(folder) / "venv", Path(folder) / "cache"
        python = venv / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"{ROOT}[weights,weights68]"], check=True, stderr=subprocess.DEVNULL)
        packages = next((venv / "lib").glob("python*/site-packages"))
        subprocess.run(["chmod", "-R", "a-w", str(packages)], check=True)
        environment = {"PHIZ_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(venv / "bin" / "phiz"), "detect", str(PICTURE)]
        try:
            for label in ("first 'phiz detect PICTURE', empty cache", "second process", "third"):
                start = time.perf_counter()
                subprocess.run(
                    command, env={**os.environ, **environment}, check=True,
                    stdout=subprocess.DEVNULL,
                )  # fmt: skip
                print(f"{label}: {time.perf_counter() - start:.2f} s")

            def median(code: str, python: Path = python) -> float:
                times = [seconds(python, code, **environment) for _ in range(options.repeats)]
                return statistics.median(times)

            print(f"import phiz after numpy: {1000 * median(IMPORT):.1f} ms")
            resnet = LOAD.format(name="dlib-face-resnet-v1")
            first = seconds(python, resnet, **environment)
            print(f"first load of dlib-face-resnet-v1: {1000 * first:.0f} ms")
            print(f"warm load in a fresh process: {1000 * median(resnet):.0f} ms")
            # Turns are taken, because the machine's speed changes more than the two differ.
            ours, theirs = [], []
            path = str(next(packages.glob("face_recognition_models/models/*68*.dat")))
            for number in range(options.repeats):
                empty = {**environment, "PHIZ_CACHE_DIR": str(Path(folder) / f"empty-{number}")}
                ours.append(seconds(python, LOAD.format(name="dlib-landmarks-68"), **empty))
                if options.against:
                    theirs.append(seconds(options.against, DLIB.format(path=path)))
            text = f"cold load of the 68-point file, fresh process: {statistics.median(ours):.2f} s"
            if theirs:
                text += f", dlib {statistics.median(theirs):.2f} s"
            print(text)
        finally:
            subprocess.run(["chmod", "-R", "u+w", str(packages)], check=True)


if __name__ == "__main__":
    main()
