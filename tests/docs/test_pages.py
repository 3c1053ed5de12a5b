"""The commands on the pages, run in their order as a reader would run them, each page in a folder of its own.

All pages start with the members and logits of the demo, which are made once. Commands that would make them again find their
work done, as they do for a reader who has run the demo.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.helpers.pages import ROOT, blocks, pages

USED = ("tests", "examples", "experiments")
"""Folders of the repository that commands on pages read."""

PYTHONPATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the members and logits of the demo: $DEMO, or one that is made here, once for all processes."""
    if os.environ.get("DEMO"):
        return Path(os.environ["DEMO"]).resolve()
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            for command in ("train", "evaluate"):
                _at_once(([sys.executable, "-m", "wee", command, f"member={member}"] for member in (0, 1)), folder)
            (folder / "made").touch()
    return folder


def _at_once(commands: Iterable[list[str]], folder: Path) -> None:
    """Run commands side by side in a folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": PYTHONPATH}
    started = [subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE) for command in commands]
    for process in started:
        _, told = process.communicate(timeout=1200)
        assert process.returncode == 0, told.decode()


def _link(source: str, target: str) -> None:
    """Give a file a second name: nothing in a store or in checkpoints is written twice. On another file system, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.parametrize("page", [page for page in pages() if any(block.runs for block in blocks(page))])
def test_commands_run(page: str, demo: Path, tmp_path: Path) -> None:
    for name in ("checkpoints", "store"):
        shutil.copytree(demo / "outputs" / name, tmp_path / "outputs" / name, copy_function=_link)
    for name in USED:
        (tmp_path / name).symlink_to(ROOT / name)
    script = ["set -e -o pipefail", 'wee() { "$PYTHON" -m wee "$@"; }', 'python() { "$PYTHON" "$@"; }']
    for block in blocks(page):
        if block.runs:
            script += [f"echo '{page}:{block.line}' > place", block.script()]
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": PYTHONPATH,
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash"],
        input="\n".join(script),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    place = (tmp_path / "place").read_text()
    assert done.returncode == 0, f"{place}{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    shutil.rmtree(tmp_path / "outputs")
