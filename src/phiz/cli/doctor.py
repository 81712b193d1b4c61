"""phiz doctor."""

from __future__ import annotations

import json
import os
import platform
import time
from typing import Annotated

import typer

NAME = "doctor"
HELP = """Check this installation: versions, processor, models, and a short self-test.

Example: phiz doctor
"""


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    from phiz.selftest import run_selftest

    facts: dict[str, str] = {}
    advice: list[str] = []
    for gather in (_versions, _processor, _caches, _models):
        gather(facts, advice)
    start = time.perf_counter()
    checks = run_selftest()
    facts["self-test time"] = f"{time.perf_counter() - start:.1f} s"
    failed = [check for check in checks if check.passed is False]
    if as_json:
        report = {
            "schema": 1,
            "facts": facts,
            "checks": [
                {"name": c.name, "passed": c.passed, "detail": c.detail, "seconds": c.seconds}
                for c in checks
            ],
            "advice": advice,
        }
        typer.echo(json.dumps(report))
        return 1 if failed else 0
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        typer.echo(f"{name.ljust(width)}  {fact}")
    typer.echo("")
    for check in checks:
        mark = {True: "ok", False: "FAILED", None: "skipped"}[check.passed]
        typer.echo(f"{mark:8}{check.name}: {check.detail} ({check.seconds * 1000:.0f} ms)")
    for line in advice:
        typer.echo(f"advice: {line}")
    return 1 if failed else 0


def _versions(facts: dict[str, str], _advice: list[str]) -> None:
    from importlib.metadata import PackageNotFoundError, version

    facts["python"] = f"{platform.python_version()} on {platform.platform()}"
    for package in ("phiz", "numpy", "numba", "llvmlite", "onnxruntime", "pillow"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"


def _processor(facts: dict[str, str], advice: list[str]) -> None:
    import llvmlite.binding as llvm
    import onnxruntime

    from phiz.runtime import Runtime, usable_cpus

    features = llvm.get_host_cpu_features()
    vector = [
        name for name in ("avx", "avx2", "fma", "avx512f", "avx512vnni") if features.get(name)
    ]
    facts["processor"] = f"{llvm.get_host_cpu_name()}, {' '.join(vector) or platform.machine()}"
    facts["threads"] = f"{Runtime().threads} of {os.cpu_count()} processors"
    facts["providers"] = ", ".join(onnxruntime.get_available_providers())
    if usable_cpus() < (os.cpu_count() or 1):
        advice.append(
            f"this process may use {usable_cpus()} of {os.cpu_count()} processors: "
            "a container limit or taskset holds it back"
        )
    if platform.machine() in ("x86_64", "AMD64") and not features.get("avx2"):
        advice.append("this processor has no AVX2: networks run at about a quarter of the speed")


def _caches(facts: dict[str, str], advice: list[str]) -> None:
    from phiz.cache import cache_dir, private_dir

    folder = cache_dir()
    try:
        private_dir()
    except OSError as error:
        facts["cache"] = f"{folder}: cannot be written: {error}"
        advice.append(
            "without a writable cache every start compiles its kernels anew (about 10 s): "
            "set PHIZ_CACHE_DIR to a folder that can be written"
        )
        return
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    facts["cache"] = f"{folder}, {size / 1e6:.1f} MB"


def _models(facts: dict[str, str], advice: list[str]) -> None:
    from phiz import store
    from phiz.zoo import ZOO

    for entry in ZOO.values():
        found = store.locate(entry)
        facts[entry.name] = f"{found.origin}: {found.path}" if found else "not here"
        if found is None and entry.licence.commercial == "yes":
            advice.append(f"{entry.name} is missing: phiz models pull {entry.name}")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        advice.append("NUMBA_DISABLE_JIT is set: every kernel runs as plain Python")
