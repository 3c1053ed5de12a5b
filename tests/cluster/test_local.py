"""The launchers for one machine: the same members as one job, failures, and processes that are killed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.helpers.command_line import QUICK, SMALL, Wee
from wee.app.launching import LAUNCHERS

GROUP = "hydra/launcher="

KILLER = """\
import os, signal

def deadly(outputs):
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A score that kills the process of its job."""


def fingerprints(folder: Path) -> dict[str, str]:
    members = folder / "outputs" / "checkpoints"
    return {
        str(file.parent.relative_to(members)): json.loads(file.read_text())["fingerprint"]
        for file in members.rglob("member.json")
    }


@pytest.mark.parametrize("launcher", [name for name in LAUNCHERS if name != "submitit_slurm"])
def test_jobs_that_run_at_once_train_what_one_job_trains(
    wee: Wee, trained: Path, tmp_path: Path, launcher: str
) -> None:
    """One of three jobs fails: the others do not, and the failure is reported."""
    broken = tmp_path / "outputs" / "checkpoints" / "digits" / "tiny" / "s3"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where a folder has to be")
    train = ("train", "-m", GROUP + launcher, "scale=s1,s3,s2", "member=0", *SMALL, *QUICK)
    done = wee(*train, "hydra.launcher.n_jobs=2", cwd=tmp_path, code=1)
    assert "2 at once" in done.stderr
    assert "1 of 3 jobs failed; the same command runs them again, and skips what is done." in done.stderr
    assert "Traceback" not in done.stderr
    expected = {name: value for name, value in fingerprints(trained).items() if "/0-" in name}
    assert len(expected) == 2
    assert fingerprints(tmp_path) == expected
    assert not list(tmp_path.rglob("%j*"))


@pytest.mark.parametrize("launcher", [name for name in LAUNCHERS if name != "submitit_slurm"])
def test_a_job_whose_process_is_killed_takes_no_other_with_it(
    wee: Wee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    (tmp_path / "killers.py").write_text(KILLER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    wee("import", f"file={Path(__file__).parents[1] / 'golden' / 'ensemble.npz'}", "dataset.name=golden",
        "family.name=synthetic", "scale=s1", "macs=1e9", cwd=tmp_path)  # fmt: skip
    sweep = ("sweep", "-m", GROUP + launcher, "dataset=stored", "dataset.name=golden", "family=stored")
    sweep += ("family.name=synthetic", "score=msp,killers:deadly,energy", "hydra.launcher.n_jobs=1")
    done = wee(*sweep, cwd=tmp_path, code=1)
    assert "1 of 3 jobs failed" in done.stderr
    assert "its log" in done.stderr.split("jobs failed")[1]
    assert len(list((tmp_path / "outputs" / "sweeps").rglob("table.csv"))) == 2
