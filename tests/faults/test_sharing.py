"""Many processes, jumping clocks, dead owners of locks, late files: each entry is computed once, and results are usual."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.helpers.job_server import Job, JobServer
from tests.helpers.worlds import (
    CALIBRATE,
    EVALUATE,
    OOD,
    SCENES,
    SWEEP,
    TRAIN,
    World,
    clear,
    last_report,
    results,
)

PROCESSES = 16
HOOKS = "tests.helpers.hooks"


def reports(folder: Path, command: str) -> list[dict[str, object]]:
    """What each run of a command reports."""
    import json

    return [json.loads(path.read_text()) for path in (folder / "outputs" / "runs" / command).rglob("report.json")]


def test_sixteen_processes_make_each_entry_once(world: World, server: JobServer, tmp_path: Path) -> None:
    """Ten entries: two members on five sets."""
    work = world.copy(SCENES["evaluate"], tmp_path / "work")
    command = (*EVALUATE, "+ood.b=${ood.photos}", "+ood.c=${ood.photos}")
    done = server.run_all([Job(command, str(work)) for _ in range(PROCESSES)])
    assert [one.code for one in done] == [0] * PROCESSES, [one.text for one in done if one.code]
    made = [name for report in reports(work, "evaluate") for name in report["recorded"]]  # type: ignore[attr-defined]
    assert len(made) == len(set(made)) == 10, made
    entries = [path for path in (work / "outputs" / "store").rglob("manifest.json")]
    assert len(entries) == 10
    usual, _ = world.usual(SCENES["evaluate"], server)
    there = results(work, SCENES["evaluate"])
    assert not [path for path in there if path.endswith((".lock", ".tmp")) or ".partial" in path]
    logits = {path: content for path, content in usual.items() if path.endswith("logits.npy")}
    assert {path: there[path] for path in logits} == logits


def test_processes_train_each_member_once(world: World, server: JobServer, tmp_path: Path) -> None:
    done = server.run_all([Job(TRAIN, str(tmp_path)) for _ in range(4)])
    assert [one.code for one in done] == [0] * 4, [one.text for one in done if one.code]
    trained = [name for report in reports(tmp_path, "train") for name in report["trained"]]  # type: ignore[attr-defined]
    assert sorted(trained) == ["tiny/s1 member 0", "tiny/s1 member 1"]
    assert results(tmp_path, SCENES["train"]) == world.usual(SCENES["train"], server)[0]


@pytest.mark.parametrize("name", ["train", "evaluate", "sweep", "calibrate", "predict"])
@pytest.mark.parametrize("jump", [-10 * 365 * 86_400, 30 * 365 * 86_400])
def test_a_clock_that_jumps(name: str, jump: int, world: World, server: JobServer, tmp_path: Path) -> None:
    """The clock jumps by decades while the command runs, and back, and again; all files are from another time."""
    scene = SCENES[name]
    usual, _ = world.usual(scene, server)
    work = world.copy(scene, tmp_path / "work")
    for path in work.rglob("*"):
        os.utime(path, (time.time() - jump, time.time() - jump))
    done = server.run(*scene.arguments, cwd=work, hook=f"{HOOKS}:jumping_clock", argument=jump)
    assert done.code == 0, clear(done, code=0)
    assert results(work, scene) == usual


def test_the_newest_sweep_is_the_last_one_although_the_clock_went_back(
    world: World, server: JobServer, tmp_path: Path
) -> None:
    work = world.copy(SCENES["sweep"], tmp_path / "work")
    first = (*SWEEP, "window.width=0.4")
    assert server.run(*first, cwd=work, hook=f"{HOOKS}:shifted_clock", argument=86_400).code == 0
    assert server.run(*SWEEP, cwd=work).code == 0
    newest = Path(last_report(work, "sweep")["folder"])
    from wee.sweep.results import find_sweeps

    for wanted in ("newest", "t"):
        (found,) = find_sweeps(work / "outputs" / "sweeps", [wanted])
        assert found == work / newest
    assert server.run(*first, cwd=work).code == 0  # it is there already, and becomes the newest
    (found,) = find_sweeps(work / "outputs" / "sweeps", ["t"])
    assert found != work / newest


@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_a_lock_whose_owner_died_on_another_host(name: str, world: World, server: JobServer, tmp_path: Path) -> None:
    scene = SCENES[name]
    usual, _ = world.usual(scene, server)
    work = world.copy(scene, tmp_path / "work")
    done = server.run(*scene.arguments, cwd=work, hook=f"{HOOKS}:on_another_host", argument="elsewhere")
    assert done.code != 0
    locks = list((work / "outputs").rglob("*.lock"))
    assert locks
    done = server.run(*scene.arguments, cwd=work, hook=f"{HOOKS}:impatient", argument=1.0)
    told = clear(done, code=0)
    assert "on elsewhere" in told
    assert "waiting" in told or "trying again" in told, told
    assert results(work, scene) == usual


def test_a_file_system_that_shows_files_late(world: World, server: JobServer, tmp_path: Path) -> None:
    """Two processes record an entry; the pieces of one appear to the other after a second."""
    scene = SCENES["evaluate"]
    usual, _ = world.usual(scene, server)
    work = world.copy(scene, tmp_path / "work")
    jobs = [Job(EVALUATE, str(work), hook=f"{HOOKS}:late_files", argument=seconds) for seconds in (0.3, 0.3, 0.0)]
    done = server.run_all(jobs)
    assert [one.code for one in done] == [0, 0, 0], [one.text for one in done if one.code]
    assert results(work, scene) == usual


def test_pieces_of_another_process_that_appear_late(world: World, server: JobServer, tmp_path: Path) -> None:
    """Two processes of one evaluation: the first waits until it sees the pieces of the second."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("two processes need two processors")
    scene = SCENES["evaluate"]
    work = world.copy(scene, tmp_path / "work")
    command = (*EVALUATE, "member=0", "ood=none", "runtime.devices=2")
    done = server.run(
        *[part for part in command if part not in OOD], cwd=work, hook=f"{HOOKS}:late_files", argument=2.0
    )
    clear(done, code=0)
    assert sorted(last_report(work, "evaluate")["recorded"].values()) == [100, 100]
    entries = {path: content for path, content in results(work, scene).items() if path.endswith(".npy")}
    usual, _ = world.usual(scene, server)
    shapes = {path for path in usual if "/s1/0/" in path and "ood" not in path and path.endswith(".npy")}
    assert entries.keys() == shapes
    assert not [path for path in results(work, scene) if ".partial" in path or path.endswith(".lock")]


def test_a_member_that_lacks_one_ood_set(world: World, server: JobServer, tmp_path: Path) -> None:
    """A sweep names the entry and the command that makes it; without that set it runs."""
    import shlex
    import shutil

    work = world.copy(SCENES["calibrate"], tmp_path / "work")
    (entry,) = (work / "outputs" / "store" / "digits" / "tiny" / "s1" / "1").glob("ood-photos-*")
    shutil.rmtree(entry)
    told = clear(server.run(*SWEEP, cwd=work))
    assert "1 entry is not in outputs/store: digits/tiny/s1/member 1/ood-photos" in told
    assert server.run(*[part for part in SWEEP if part not in OOD], "ood=none", cwd=work).code == 0
    make = shlex.split(told.split("Make them: wee ")[1].splitlines()[0])
    assert "member=1" in make
    done = server.run(*make, *EVALUATE[4:6], *OOD[1:], "piece_samples=20", cwd=work)
    assert done.code == 0, done.text
    assert list(last_report(work, "evaluate")["recorded"]) == ["tiny/s1 member 1 on ood-photos"]
    assert server.run(*SWEEP, cwd=work).code == 0
    assert server.run(*CALIBRATE, cwd=work).code == 0
