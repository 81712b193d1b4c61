"""Run dlib's own examples and tests, unmodified, on dlib and on phiz, and compare what they print.

    python tools/compare_dlib_examples.py DLIB MODELS PICTURES [--dlib PYTHON]

DLIB is a checkout of dlib's repository (python_examples, tools/python/test).  MODELS has
shape_predictor_5_face_landmarks.dat, shape_predictor_68_face_landmarks.dat,
dlib_face_recognition_resnet_model_v1.dat and mmod_human_face_detector.dat.  PICTURES are those of
dlib's examples/faces, JPEG; they are given to both as PNG under their names, because dlib's wheel
and Pillow read JPEG a little differently.  PYTHON has the dlib-bin wheel, by default this one.  No
screen is needed: dlib's wheel, which has no window, is given one that shows nothing.

Exit code 1 if a program fails, or prints other words or other whole numbers, or if a fraction
differs by more than 1e-4.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parents[1]
FRACTION = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+(?:\.\d+)?e-?\d+")
TOLERANCE = 1e-4
TESTS = ("test_chinese_whispers.py", "test_numpy_returns.py", "test_point.py", "test_vector.py")
FIVE, MANY = "shape_predictor_5_face_landmarks.dat", "shape_predictor_68_face_landmarks.dat"
NET, CNN = "dlib_face_recognition_resnet_model_v1.dat", "mmod_human_face_detector.dat"
FACES, ONE = "../examples/faces", "../examples/faces/Tom_Cruise_avp_2014_4.jpg"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "face_detector": (ONE,),
    "face_landmark_detection": (MANY, FACES),
    "face_alignment": (FIVE, ONE),
    "face_jitter": (FIVE,),
    "face_recognition": (FIVE, NET, FACES),
    "face_clustering": (FIVE, NET, FACES, "CLUSTERS"),
    "cnn_face_detector": (CNN, ONE),
}
# The window for dlib's side, put there by sitecustomize so that the examples stay as they are.
WINDOW = """
import builtins
plain = builtins.__import__
def importing(name, *rest, **more):
    module = plain(name, *rest, **more)
    if name == "dlib" and not hasattr(module, "image_window"):
        class window(object):
            def __init__(self, *_): pass
            def __getattr__(self, _name): return lambda *_, **__: None
        module.image_window = window
    return module
builtins.__import__ = importing
"""


def laid_out(root: Path, dlib: Path, pictures: Path) -> None:
    """Make a tree like dlib's root, with pictures that both sides read alike."""
    shutil.copytree(dlib / "python_examples", root / "python_examples")
    shutil.copytree(dlib / "tools" / "python" / "test", root / "tools" / "python" / "test")
    faces = root / "examples" / "faces"
    faces.mkdir(parents=True)
    for path in sorted(pictures.glob("*.jpg")):
        Image.open(path).convert("RGB").save(faces / path.name, "PNG")


def printed(python: str, path: str, root: Path, name: str, models: Path) -> str:
    """Run one example; returns what it prints."""
    words = []
    for word in PROGRAMS[name]:
        if word == "CLUSTERS":
            words.append(str(root / f"clusters-{Path(path).name}"))
            Path(words[-1]).mkdir(exist_ok=True)
        else:
            words.append(str(models / word) if word.endswith(".dat") else word)
    done = subprocess.run(
        [python, f"{name}.py", *words], cwd=root / "python_examples", text=True,
        env={**os.environ, "PYTHONPATH": path}, input="\n" * 100, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"{name} on {path}: exit code {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout.replace(path, "").replace(str(root / f"clusters-{Path(path).name}"), "OUT")


def alike(name: str, one: str, other: str) -> bool:
    """Compare two outputs and say how far they are apart."""
    words = FRACTION.sub("#", one) == FRACTION.sub("#", other)
    pairs = zip(FRACTION.findall(one), FRACTION.findall(other), strict=False)
    apart = max((abs(float(a) - float(b)) for a, b in pairs), default=0.0)
    lines = len(one.splitlines())
    print(f"{name}: {lines} lines, words {'equal' if words else 'DIFFER'}, numbers {apart:.1e}")
    return words and apart <= TOLERANCE and lines > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("dlib", "models", "pictures"):
        parser.add_argument(name, type=lambda text: Path(text).resolve())
    parser.add_argument("--dlib", dest="python", default=sys.executable)
    options = parser.parse_args()
    shim = str(HERE / "packages" / "phiz-dlib" / "src")
    well = True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        laid_out(root, options.dlib, options.pictures)
        site = root / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(WINDOW)
        for name in PROGRAMS:
            theirs = printed(options.python, str(site), root, name, options.models)
            ours = printed(sys.executable, shim, root, name, options.models)
            well &= alike(name, theirs, ours)
        tests = [str(Path("tools/python/test") / name) for name in TESTS]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
            cwd=root, env={**os.environ, "PYTHONPATH": shim}, check=False,
        )  # fmt: skip
    return 0 if well and done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
