"""What tests share: the command line as a subprocess, and a trained small family."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("wee", deadline=None)  # machines are noisy; speed is measured in the benchmark
settings.load_profile("wee")

SMALL = (
    "dataset.base_images={train:120,val:60,test:60}",
    "dataset.draws={train:4,val:5,test:5}",
)
"""Overrides that make the embedded data set small: 300 samples in val and test."""

QUICK = ("trainer.steps=12", "trainer.batch_size=64")
"""Overrides that make training short."""

Wee = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def wee() -> Wee:
    """Run `wee ARGS` in a folder, as a user would."""

    def run(*arguments: str, cwd: Path, code: int | None = 0, script: str | None = None) -> Any:
        command = [sys.executable, "-c", script] if script else [sys.executable, "-m", "wee"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        done = subprocess.run(
            [*command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def last_report(cwd: Path, stage: str) -> dict[str, Any]:
    """What the latest run of a stage says that it did."""
    reports = sorted((cwd / "outputs" / "runs" / stage).rglob("report.json"), key=lambda path: path.stat().st_mtime)
    found: dict[str, Any] = json.loads(reports[-1].read_text())
    return found


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder in which two scales with two members each are trained and evaluated. Copy it; do not write into it."""
    folder = tmp_path_factory.mktemp("trained")
    wee("train", "scale=[s1,s2]", *SMALL, *QUICK, cwd=folder)
    wee("evaluate", "scale=[s1,s2]", *SMALL, *QUICK, cwd=folder)
    return folder
