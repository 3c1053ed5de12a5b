"""Multiruns on a real SLURM: the same store as a local run, also if every job is preempted; failures; jobs not waited for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.one_node import missing_programs, one_node
from tests.helpers.preemption import Preempt, Preemptor, by_scheduler, by_signal

MISSING = missing_programs()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"there is no SLURM here: {', '.join(MISSING)} missing")
pytest.importorskip("hydra_plugins.hydra_submitit_launcher")

SCALES, MEMBERS = ("s1", "s2", "s3", "s4", "s5"), (0, 1)
JOBS = [(scale, member) for scale in SCALES for member in MEMBERS]
EACH = (f"scale={','.join(SCALES)}", f"member={','.join(map(str, MEMBERS))}")

DATA = ("dataset.base_images={train:120,val:60,test:60}", "dataset.draws={train:4,val:20,test:20}")
TRAINING = ("trainer.steps=60", "trainer.batch_size=64")
ALONE = ("runtime.accelerator=cpu", "runtime.threads=1")
SETTINGS = (*DATA, *TRAINING, *ALONE)
PIECES = ("batch_size=20", "piece_samples=20", "ood=none")
SLURM = ("-m", "hydra/launcher=submitit_slurm", "hydra.launcher.partition=main", "hydra.launcher.cpus_per_task=1")


class Cluster:
    """A cluster, and `wee` beside it.

    Args:
        variables: the environment variables with which SLURM's commands find the cluster.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        self.environment = {**os.environ, **variables, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def wee(self, *arguments: str, cwd: Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "wee", *arguments],
            cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def slurm(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with one_node(tmp_path_factory.mktemp("slurm")) as variables:
        yield Cluster(variables)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Path:
    """A folder in which all members were trained and evaluated by one process each."""
    folder = tmp_path_factory.mktemp("local")
    cluster.wee("train", *SETTINGS, cwd=folder)
    cluster.wee("evaluate", *SETTINGS, *PIECES, cwd=folder)
    return folder


def arrays(folder: Path) -> dict[str, bytes]:
    """The bytes of every array of a store, by the path of its file; a path has the key of its entry."""
    store = folder / "outputs" / "store"
    return {str(file.relative_to(store)): file.read_bytes() for file in store.rglob("*.npy")}


def weights(folder: Path) -> dict[str, str]:
    """The fingerprints of all members, by folder."""
    members = folder / "outputs" / "checkpoints"
    return {
        str(file.parent.relative_to(members)): json.loads(file.read_text())["fingerprint"]
        for file in members.rglob("member.json")
    }


def expect_same(folder: Path, reference: Path) -> None:
    assert weights(folder) == weights(reference)
    assert len(weights(folder)) == len(JOBS)
    assert arrays(folder) == arrays(reference)
    left = [path for path in (folder / "outputs").rglob("*") if path.name.endswith((".training", ".partial", ".lock"))]
    assert not left
    assert not list(folder.rglob("%j"))


def test_a_multirun_gives_the_store_of_a_local_run(cluster: Cluster, local: Path, tmp_path: Path) -> None:
    cluster.wee("train", *SLURM, *EACH, *SETTINGS, cwd=tmp_path)
    done = cluster.wee("evaluate", *SLURM, *EACH, *SETTINGS, *PIECES, cwd=tmp_path)
    assert "10 jobs, submitted as" in done.stderr
    assert done.stderr.count(" is done") == len(JOBS)
    expect_same(tmp_path, local)


@pytest.mark.parametrize("preempt", [by_signal, by_scheduler])
def test_every_job_is_preempted_once_and_goes_on(
    cluster: Cluster, local: Path, tmp_path: Path, preempt: Preempt
) -> None:
    outputs = tmp_path / "outputs"

    def trains(number: int) -> bool:
        scale, member = JOBS[number]
        return any((outputs / "checkpoints" / "digits" / "tiny" / scale).glob(f"{member}-*.training/state.pt"))

    def evaluates(number: int) -> bool:
        scale, member = JOBS[number]
        return any((outputs / "store" / "digits" / "tiny" / scale / str(member)).glob("*.partial/pieces/*.npz"))

    def watch(command: str, at_work: Any) -> Preemptor:
        return Preemptor(outputs / "runs" / command, cluster.environment, at_work, len(JOBS), preempt)

    with watch("train", trains) as preemptor:
        cluster.wee("train", *SLURM, *EACH, *SETTINGS, "runtime.keep_every=0", cwd=tmp_path)
    expect_preempted(preemptor, r"interrupted after ([1-9]|[1-5]\d) steps", announced=preempt is by_signal)
    with watch("evaluate", evaluates) as preemptor:
        cluster.wee("evaluate", *SLURM, *EACH, *SETTINGS, *PIECES, cwd=tmp_path)
    expect_preempted(preemptor, r"from an interrupted run|[1-9]\d* were there already", announced=preempt is by_signal)
    expect_same(tmp_path, local)


def expect_preempted(preemptor: Preemptor, half_done: str, announced: bool) -> None:
    """Every job was requeued. One that was told leaves with its work half done; one that was not works until it is killed."""
    assert sorted(preemptor.preempted) == list(range(len(JOBS)))
    for log in preemptor.logs():
        assert "DUE TO JOB REQUEUE" in log, log
        assert not announced or re.search(half_done, log), log


def test_a_failed_job_stops_no_other_and_is_reported(cluster: Cluster, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    broken = outputs / "checkpoints" / "digits" / "tiny" / "s2"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where a folder has to be")
    done = cluster.wee("train", *SLURM, "scale=s1,s2,s3", "member=0", *SETTINGS, cwd=tmp_path, code=1)
    assert "1 of 3 jobs failed; the same command runs them again, and skips what is done." in done.stderr
    assert "scale=s2" in done.stderr.split("jobs failed")[1]
    assert "Traceback" not in done.stderr
    assert [Path(name).parts[2] for name in sorted(weights(tmp_path))] == ["s1", "s3"]
    broken.unlink()
    done = cluster.wee("train", *SLURM, "scale=s1,s2,s3", "member=0", *SETTINGS, cwd=tmp_path)
    assert [Path(name).parts[2] for name in sorted(weights(tmp_path))] == ["s1", "s2", "s3"]


def test_a_cancelled_job_is_a_failure_with_the_path_of_its_log(cluster: Cluster, tmp_path: Path) -> None:
    runs = tmp_path / "outputs" / "runs" / "train"

    def cancel(job: str, environment: Any) -> None:
        subprocess.run(["scancel", "--signal=KILL", "--full", job], env={**environment}, check=False)

    with Preemptor(runs, cluster.environment, lambda number: number == 0, 1, cancel) as preemptor:
        done = cluster.wee("train", *SLURM, "scale=s1,s2", "member=0", *SETTINGS, cwd=tmp_path, code=1)
    assert preemptor.preempted == [0]
    assert "1 of 2 jobs failed" in done.stderr
    match = re.search(r"ended without a result \(its state is \w+\); its log: (\S+)", done.stderr)
    assert match is not None, done.stderr
    assert (tmp_path / match[1]).is_file()
    assert len(weights(tmp_path)) == 1


def test_jobs_that_are_not_waited_for_end_and_the_same_command_skips_them(cluster: Cluster, tmp_path: Path) -> None:
    command = ("train", *SLURM, "scale=s1,s2", "member=0", *SETTINGS)
    done = cluster.wee(*command, "hydra.launcher.wait=false", cwd=tmp_path)
    assert not weights(tmp_path)
    jobs = re.findall(r"submitted job (\S+); its log: (\S+)", done.stderr)
    assert len(jobs) == 2
    while cluster.slurm("squeue", "--noheader"):
        time.sleep(0.5)
    assert all(Path(tmp_path, log).is_file() for _, log in jobs)
    assert len(weights(tmp_path)) == 2
    cluster.wee(*command, cwd=tmp_path)
    reports = [json.loads(file.read_text()) for file in (tmp_path / "outputs" / "runs").rglob("report.json")]
    assert sorted(report["already_there"] for report in reports) == [0, 0, 1, 1]


def test_what_slurm_refuses_is_told_in_one_message(cluster: Cluster, tmp_path: Path) -> None:
    train = ("train", "-m", "hydra/launcher=submitit_slurm", "scale=s1,s2", *SETTINGS)
    done = cluster.wee(*train, "hydra.launcher.partition=nowhere", cwd=tmp_path, code=1)
    assert "SLURM refused the jobs" in done.stderr
    assert "nvalid partition" in done.stderr
    done = cluster.wee(*train, "runtime.accelerator=gpu", "runtime.devices=8", cwd=tmp_path, code=1)
    assert "each job asked for 8 GPUs and 8 x 1 processors on 1 node" in done.stderr
    assert "Traceback" not in done.stderr


def test_train_asks_for_its_devices_and_a_sweep_for_processors(cluster: Cluster, tmp_path: Path) -> None:
    settings = ("hydra.launcher.wait=false", "+hydra.launcher.additional_parameters.hold=true")
    slurm = ("-m", "hydra/launcher=submitit_slurm", *settings)
    cluster.wee("train", *slurm, "scale=s1,s2", "runtime.devices=2", *ALONE[1:], "runtime.workers=1", cwd=tmp_path)
    cluster.wee("sweep", *slurm, "window.width=0.1,0.2", "runtime.threads=3", "hydra.launcher.mem_gb=2", cwd=tmp_path)
    jobs = cluster.slurm("scontrol", "--oneliner", "show", "job")
    train, sweep = (
        [line for line in jobs.splitlines() if f"JobName=wee-{name}" in line][-1] for name in ("train", "sweep")
    )
    assert "gpu:2" in train
    assert "NumTasks=2" in train
    assert "CPUs/Task=2" in train
    assert "gpu" not in sweep
    assert "CPUs/Task=3" in sweep
    assert "MinMemoryNode=2G" in sweep
    cluster.slurm("scancel", "--name=wee-train,wee-sweep")
