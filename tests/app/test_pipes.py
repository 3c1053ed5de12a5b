"""Commands whose output goes into a pipe that its reader has closed, as in `wee sweep | head`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import last_report
from wee.app.pipes import CLOSED

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "ensemble.npz"
IMPORT = ("import", f"file={GOLDEN}", "dataset.name=golden", "family.name=synthetic", "scale=s1", "macs=1e9")
SWEEP = ("sweep", "dataset=stored", "dataset.name=golden", "family=stored", "family.name=synthetic", "name=piped")


def run(folder: Path, *arguments: str, unbuffered: bool = False, both: bool = False) -> tuple[int, str]:
    """Run `wee` with a standard output that nobody reads; return its exit status and what it writes to the standard error.

    Args:
        folder: the working directory.
        arguments: the command line.
        unbuffered: whether Python writes every piece at once.
        both: whether the standard error goes into the same pipe, as with `2>&1 |`.
    """
    read, written = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wee", *arguments],
            cwd=folder,
            env=environment,
            stdout=written,
            stderr=written if both else subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(written)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [("--help",), ("sweep", "--help"), ("sweep", "--cfg", "job")])
def test_a_closed_pipe_ends_a_command_quietly(arguments: tuple[str, ...], unbuffered: bool, tmp_path: Path) -> None:
    assert run(tmp_path, *arguments, unbuffered=unbuffered) == (CLOSED, "")


@pytest.mark.parametrize("both", [False, True])
def test_everything_is_saved_although_nobody_reads_the_output(both: bool, tmp_path: Path) -> None:
    assert run(tmp_path, *IMPORT, both=True)[0] == CLOSED
    assert run(tmp_path, "store") == (CLOSED, "")
    status, messages = run(tmp_path, *SWEEP, both=both)
    assert status == CLOSED
    assert "exit" not in messages
    assert "rror" not in messages
    report = last_report(tmp_path, "sweep")
    folder = tmp_path / report["folder"]
    assert report["rows"] == len((folder / "table.csv").read_text().splitlines()) - 1
    assert both or str(report["folder"]) in messages  # what comes after the tables is done, too


def test_every_job_of_a_multirun_is_done(tmp_path: Path) -> None:
    run(tmp_path, *IMPORT)
    status, _ = run(tmp_path, *SWEEP, "-m", "window.width=0.1,0.2")
    assert status == CLOSED
    assert len(list((tmp_path / "outputs" / "sweeps" / "piped").iterdir())) == 2


def test_a_failure_is_reported_all_the_same(tmp_path: Path) -> None:
    status, messages = run(tmp_path, *SWEEP)
    assert status == 1
    assert messages.startswith("wee sweep: ")


def test_a_pipe_that_is_read_to_its_end_has_everything(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wee", "sweep", "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "wee sweep" in process.stdout.read()
    assert process.returncode == 0
