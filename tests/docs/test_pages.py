"""The commands on the pages, run in their order as a reader would run them, each page in a folder of its own.

All pages start with the members and logits of the demo, which are made once. Commands that would make them again find their
work done, as they do for a reader who has run the demo.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import Wee
from tests.helpers.pages import ROOT, blocks, pages

USED = ("tests", "examples", "experiments")
"""Folders of the repository that commands on pages read."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with the members and logits of the demo. Several processes of the tests make them together."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "demo"
    folder.mkdir(exist_ok=True)
    wee("train", cwd=folder)
    wee("evaluate", cwd=folder)
    return folder


@pytest.mark.parametrize("page", [page for page in pages() if any(block.runs for block in blocks(page))])
def test_commands_run(page: str, demo: Path, tmp_path: Path) -> None:
    for name in ("checkpoints", "store"):
        shutil.copytree(demo / "outputs" / name, tmp_path / "outputs" / name)
    for name in USED:
        (tmp_path / name).symlink_to(ROOT / name)
    script = ["set -e -o pipefail", 'wee() { "$PYTHON" -m wee "$@"; }', 'python() { "$PYTHON" "$@"; }']
    for block in blocks(page):
        if block.runs:
            script += [f"echo '{page}:{block.line}' > place", block.script()]
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash"], input="\n".join(script), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    place = (tmp_path / "place").read_text()
    assert done.returncode == 0, f"{place}{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
