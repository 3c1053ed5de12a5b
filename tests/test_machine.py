"""The processors that a process may use, and what is done so that processes do not keep them from each other."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wee import machine
from wee.machine import SHARED_SPINS, SPINS, busy, processor_name, processors, torch_threads

EVERYWHERE = range(64)


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 processors, outside SLURM."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(EVERYWHERE), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: len(EVERYWHERE))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


def groups(root: Path, own: str, files: dict[str, str]) -> Path:
    """A file system in which a process's control groups are described."""
    for name, content in {"proc/self/cgroup": own, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ("0::/a/b\n", {"sys/fs/cgroup/a/b/cpu.max": "max 100000", "sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2),
        ("0::/seen/from/outside\n", {"sys/fs/cgroup/cpu.max": "10000 100000"}, 1),
        ("0::/\n", {}, 64),
        (
            "5:cpu,cpuacct:/job\n1:name=systemd:/x\n0::/\n",
            {
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            "5:cpuacct,cpu:/seen/from/outside\n",
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            2,
        ),
        (
            "5:cpuset:/job\n",
            {"sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us": "100000", "sys/fs/cgroup/cpuset/job/cpu.cfs_period_us": "100000"},
            64,
        ),
    ],
)  # fmt: skip
def test_quotas_of_control_groups_count(tmp_path: Path, own: str, files: dict[str, str], expected: int) -> None:
    assert processors(groups(tmp_path, own, files)) == expected


def test_without_control_groups_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7}, raising=False)
    assert processors(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processors(tmp_path) == 64


@pytest.mark.parametrize(("share", "expected"), [("2", 2), ("128", 64), ("0", 1), ("", 64), ("many", 64)])
def test_slurms_share_of_a_task_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: str, expected: int
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", share)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")  # of all tasks together: says nothing about one of them
    assert processors(tmp_path) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [SPINS, SHARED_SPINS]),
        ({"GOMP_SPINCOUNT": "7"}, ["7"]),
        ({"OMP_WAIT_POLICY": "active"}, ["None"]),
        ({"KMP_BLOCKTIME": "0"}, ["None"]),
    ],
)
def test_spinning_is_bounded_before_torch_is_loaded_unless_the_user_decides(
    given: dict[str, str], expected: list[str]
) -> None:
    script = "import sys, os, wee; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    environment = {k: v for k, v in os.environ.items() if k not in machine._SPINNING} | given
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    spins, torch_is_loaded = done.stdout.split()
    assert spins in expected
    assert torch_is_loaded == "False"


@pytest.mark.parametrize(("running", "expected"), [(1, SPINS), (4, SPINS), (5, SHARED_SPINS), (30, SHARED_SPINS)])
def test_beside_other_jobs_threads_sleep_sooner(monkeypatch: pytest.MonkeyPatch, running: int, expected: str) -> None:
    for name in machine._SPINNING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)  # of the running threads, one is this process's own
    monkeypatch.setattr(Path, "read_text", lambda path: f"1.0 1.0 1.0 {running}/900 4242")
    machine.bound_spinning()
    assert os.environ.pop("GOMP_SPINCOUNT") == expected


@pytest.mark.parametrize(
    ("load", "expected"),
    [("70.50 9.0 9.0 65/900 4242", 70.5), ("70.50 9.0 9.0 3/900 4242", None), ("63.9 9.0 9.0 80/900 4242", None), ("?", None)],
)  # fmt: skip
def test_a_machine_is_busy_when_others_keep_every_processor(
    monkeypatch: pytest.MonkeyPatch, load: str, expected: float | None
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path: load)
    assert busy() == expected


def test_a_system_that_does_not_tell_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert busy() is None


def test_threads_are_given_back() -> None:
    before, inside = torch.get_num_threads(), []
    with contextlib.suppress(KeyError), torch_threads(before + 1):
        inside.append(torch.get_num_threads())
        raise KeyError
    assert [*inside, torch.get_num_threads()] == [before + 1, before]


def test_the_name_of_the_processor_is_read_from_the_system(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus  9 (tm)\n\nmodel name\t: other\n")
    assert processor_name(tmp_path) == "Abacus 9 (tm)"
    assert processor_name(tmp_path / "nothing")
