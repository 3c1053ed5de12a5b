"""Devices, processors, memory, clocks and folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.broken import DEAD, KEY, add_unfinished, entry_folder, flip
from tests.helpers.stores import fill_store
from wee.app.paths import conf_dir
from wee.doctor import folders, hardware
from wee.doctor.base import Check, Finding, Level, Surroundings, ok, problem, warning
from wee.doctor.checks import CHECKS, _run
from wee.doctor.probe import Probe
from wee.doctor.report import as_json, as_text

GPU = {"name": "GPU X", "memory": 8e9, "free": 4e9, "bf16": False}


def surroundings(place: Path, full: bool = False, **results: Any) -> Surroundings:
    probe = Probe(full=False, timeout=1)
    probe.__dict__.update(results=results, ending="")
    paths = {name: str(place / "outputs" / name) for name in ("store", "checkpoints")}
    return Surroundings(
        {**paths, "outputs": str(place / "outputs"), "data": str(place / "data")}, (conf_dir(),), full, probe
    )


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(
    ("cuda", "devices", "driver", "level", "words"),
    [
        ("13.0", [GPU], "580", Level.OK, "GPU 0: GPU X, 8 GB of memory, 4 GB free; no bfloat16"),
        (None, [], "", Level.OK, "no GPU: everything runs on the CPU"),
        (None, [], "580", Level.WARNING, "has an NVIDIA GPU (driver 580), but torch is a CPU build"),
        ("13.0", [], "580", Level.WARNING, "but torch (for CUDA 13.0) cannot use it"),
    ],
)
def test_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, devices: list[Any], driver: str, level: Level, words: str
) -> None:  # fmt: skip
    monkeypatch.setattr(hardware, "nvidia_driver", lambda: driver)
    told = {"torch": {"version": "2.13.0", "cuda": cuda}, "devices": {"cuda": devices, "mps": False}}
    (finding,) = hardware.check_devices(surroundings(tmp_path, **told))
    assert finding.level == level
    assert words in finding.text


@pytest.mark.parametrize(
    ("threads", "level", "words"),
    [
        ("many", Level.WARNING, "OMP_NUM_THREADS is 'many', which is no number"),
        ("9999", Level.WARNING, "OMP_NUM_THREADS is 9999, more than the"),
        ("1", Level.OK, "OMP_NUM_THREADS is 1"),
    ],
)
def test_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str, level: Level, words: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(hardware, "busy", lambda: None)
    first, second = hardware.check_processors(surroundings(tmp_path))
    assert "may be used" in first.text
    assert second.level == level
    assert words in second.text


def test_the_memory_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:  8000000 kB\nMemFree: 1 kB\nMemAvailable:  6000000 kB\n")
    assert hardware.memory(tmp_path) == (8.192e9, 6.144e9)
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1000000000\n")
    (group / "memory.max").write_text("max\n")
    assert hardware.memory(tmp_path) == (8.192e9, 6.144e9)
    (group / "memory.max").write_text("3000000000\n")
    assert hardware.memory(tmp_path) == (3e9, 2e9)
    assert hardware.memory(tmp_path / "none") == (None, None)


@pytest.mark.parametrize(("shift", "words"), [(100.0, "behind"), (-100.0, "ahead of"), (0.0, "agree")])
def test_a_clock_that_is_off_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float, words: str) -> None:
    import time

    now = time.time
    monkeypatch.setattr(hardware.time, "time", lambda: now() + shift)
    (finding,) = hardware.check_clock(surroundings(tmp_path))
    assert words in finding.text
    assert finding.level == (Level.WARNING if shift else Level.OK)


def test_folders_that_cannot_be_used_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(folders.check_folders(surroundings(tmp_path)))
    assert levels(found) == [Level.OK] * 4
    assert "does not exist yet" in found[0].text
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "store").write_text("a file")
    monkeypatch.setattr(folders, "_cannot_write", lambda folder: "Permission denied")
    told = [finding.text for finding in folders.check_folders(surroundings(tmp_path)) if finding.level == Level.PROBLEM]
    assert f"paths.outputs: {tmp_path / 'outputs'} cannot be written to (Permission denied)" in told[0]
    assert told[1] == f"paths.store is {tmp_path / 'outputs' / 'store'}, which is a file"


@pytest.mark.parametrize(("free", "level"), [(1e7, Level.PROBLEM), (1e9, Level.WARNING), (1e11, Level.OK)])
def test_little_space_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: Level) -> None:
    class Usage:
        pass

    usage = Usage()
    usage.free = free  # type: ignore[attr-defined]
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: usage)
    assert levels(list(folders.check_folders(surroundings(tmp_path)))) == [level, Level.OK, Level.OK, Level.OK]


def test_a_store_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    assert levels([*folders.check_store(surroundings(tmp_path)), *folders.check_locks(surroundings(tmp_path))]) == [
        Level.OK, Level.OK,
    ]  # fmt: skip


def test_a_broken_store_is_told_with_the_command_that_repairs_it(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "outputs" / "store", members=2, scales=("s1", "s2"), count=5)
    assert Level.PROBLEM not in levels(list(folders.check_store(surroundings(tmp_path, full=True))))
    flip(entry_folder(store, "toy/made/s1/0/val") / "logits.npy")
    assert Level.PROBLEM not in levels(list(folders.check_store(surroundings(tmp_path)))), (
        "this shows in a full check alone"
    )
    (entry_folder(store, "toy/made/s1/1/val") / "labels.npy").unlink()
    (found,) = (one for one in folders.check_store(surroundings(tmp_path)) if one.level == Level.PROBLEM)
    assert (found.text, found.commands) == ("toy/made/s1/1/val is damaged: labels.npy is missing", ("wee evaluate",))
    told = [one.text for one in folders.check_store(surroundings(tmp_path, full=True)) if one.level == Level.PROBLEM]
    assert len(told) == 2
    assert told[0].startswith("toy/made/s1/0/val is damaged: in logits.npy, bytes 0 to")


def test_unfinished_entries_leftovers_and_locks_are_notes(tmp_path: Path) -> None:
    root = tmp_path / "outputs" / "store"
    fill_store(root, members=1, scales=("s1",), count=5)
    member = root / "toy" / "made" / "s1" / "0"
    add_unfinished(member)
    (member / f"val-{KEY}.damaged-20260101-000000").mkdir()
    found = [*folders.check_store(surroundings(tmp_path))]
    assert [one.text.split(" unfinished")[0] for one in found if one.level == Level.NOTE][1] == "1 entry"
    assert found[-1].commands == ("wee store gc",)
    (member / f"val-{KEY}.lock").write_text(DEAD)
    checkpoint = tmp_path / "outputs" / "checkpoints" / "a" / "b" / "c"
    checkpoint.mkdir(parents=True)
    (checkpoint / f"0-{KEY}.lock").write_text("elsewhere:3:x")
    told = [one.text for one in folders.check_locks(surroundings(tmp_path))]
    assert told[0].startswith("1 lock of processes that were killed: ")
    assert told[1].startswith("1 lock of other machines: ")


def test_data_sets_that_are_there_and_those_that_are_not(tmp_path: Path) -> None:
    (tmp_path / "data" / "cifar10" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "data" / "cifar100").mkdir()
    found = list(folders.check_data(surroundings(tmp_path)))
    by_level = {finding.level: finding for finding in found}
    assert by_level[Level.WARNING].text.startswith("dataset=cifar100: ")
    assert by_level[Level.WARNING].commands == ("wee data check dataset=cifar100",)
    facts = {key: value for finding in found for key, value in finding.facts.items()}
    assert facts["present"] == [f"dataset=cifar10 in {tmp_path / 'data' / 'cifar10'}"]
    assert {"dataset=imagenet", "ood=textures", "shift=imagenet_c"} <= set(facts["absent"])


def test_slurm_without_its_launcher_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(folders.importlib.util, "find_spec", lambda name: True if name == "hydra_plugins" else None)
    (finding, *_) = folders.check_launchers(surroundings(tmp_path))
    assert finding.level == Level.WARNING
    assert finding.commands == ("pip install 'wee[cluster]'",)


def test_a_check_that_fails_is_a_finding(tmp_path: Path) -> None:
    def broken(surroundings: Surroundings) -> Any:
        yield ok("so far")
        raise RuntimeError("oh")

    def without(surroundings: Surroundings) -> Any:
        raise ImportError("No module named 'numpy'")

    found = _run(Check("x", "X", "x", broken), surroundings(tmp_path))
    assert levels(found) == [Level.OK, Level.WARNING]
    assert "RuntimeError: oh" in found[1].text
    (found_without,) = _run(Check("x", "X", "x", without), surroundings(tmp_path))
    assert "No module named 'numpy'" in found_without.text


def test_names_of_checks_are_unique() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_report_is_text_and_json() -> None:
    long = "a sentence of many words, " * 12
    report = {
        "versions": [ok("fine"), warning(long, "wait")],
        "torch": [problem("it is broken", "repair it", "pip install " + "x" * 150)],
    }
    text = as_text(report, colours=False, width=80)
    assert "  problem it is broken\n          What to do: repair it:\n              pip install " + "x" * 150 in text
    assert all(len(line) <= 80 for line in text.splitlines()[2:] if "xxx" not in line)
    assert text.endswith("1 problem and 1 warning; the problems first, from the top.\n")
    assert "\x1b[" in as_text(report, colours=True)
    about = json.loads(as_json(report))
    assert (about["ok"], about["problems"], about["warnings"]) == (False, 1, 1)
    assert about["checks"][1]["findings"][0]["level"] == "problem"
    assert as_text({"versions": [ok("fine")]}, False).endswith("Everything is as it should be.\n")
