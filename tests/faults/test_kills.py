"""`kill -9` at random moments: what was finished is kept, and the same command then ends with the usual results."""

from __future__ import annotations

import io
import itertools
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.job_server import Done, JobServer
from tests.helpers.worlds import (
    SCENES,
    TABLE,
    TRAINING_STEPS,
    Scene,
    World,
    finished,
    identities,
    last_report,
    results,
)
from wee.files import read_checked

SEED = int(os.environ.get("SEED") or 0)
KILLS = int(os.environ.get("KILLS") or 25)
COMMANDS = ("train", "evaluate", "sweep", "calibrate", "predict")
ROUNDS = 3
"""The largest number of kills of one work, before it may end."""


@dataclass
class Tally:
    """What became of the kills of a command."""

    kills: int = 0
    in_work: int = 0
    recoveries: int = 0
    failures: list[str] = field(default_factory=list)


def traces(folder: Path) -> dict[str, int]:
    """The files that commands have written, with their sizes; logs of runs do not count."""
    runs = folder / "outputs" / "runs"
    return {
        str(path): path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(runs)
    }


def known(folder: Path, scene: Scene) -> dict[str, int]:
    """How much of unfinished work is on disk: samples of an entry, steps of a training, rows of predictions."""
    work: dict[str, int] = {}
    for partial in (folder / "outputs" / "store").rglob("*.partial"):
        indices = [np.load(piece)["index"] for piece in (partial / "pieces").glob("*.npz")]
        split = partial.name.removesuffix(".partial").rpartition("-")[0]
        work[f"{partial.parent.name} {split}"] = len(np.unique(np.concatenate(indices))) if indices else 0
    for state in (folder / "outputs" / "checkpoints").rglob("state.pt"):
        steps = int(torch.load(io.BytesIO(read_checked(state)), weights_only=True)["step"])
        if not state.parent.with_name(state.parent.name.removesuffix(".training")).exists():
            work[state.parent.name.partition("-")[0]] = steps
    return work


def check_continued(folder: Path, scene: Scene, before: dict[str, int], was_finished: int) -> None:
    """Check that a run did not do again what was on disk before it."""
    if scene.name not in ("train", "evaluate"):
        return
    report = last_report(folder, scene.name)
    if scene.name == "evaluate":
        for name, count in report["recorded"].items():
            member, split = name.split(" member ")[1].split(" on ")
            total = 100 if split in ("val", "test") else 320
            assert count <= total - before.get(f"{member} {split}", 0), (name, count, before)
    else:
        members = len(report["trained"])
        assert report["steps"] <= members * TRAINING_STEPS - sum(before.values()), (report, before)


def is_complete(scene: Scene, done: Done) -> bool:
    """Whether a run says that its work is done. A table of predictions is never replaced: a run that finds it says so.

    That is what a run finds that follows a kill between the last row and the end; the table is compared as all results are.
    """
    return done.code == 0 or (scene.name == "predict" and f"{TABLE} exists: give another output" in done.text)


def one_work(world: World, scene: Scene, server: JobServer, folder: Path, rng: random.Random) -> Tally:
    """Kill a command up to `ROUNDS` times, and let it end then.

    The file `sweep.json` is marked as the newest by a run that finds its sweep, so that it alone may change.
    """
    tally = Tally()
    usual, seconds = world.usual(scene, server)
    world.copy(scene, folder)
    kept = identities(folder, scene)
    for _ in range(rng.randint(1, ROUNDS)):
        before = traces(folder)
        done = server.run(*scene.arguments, cwd=folder, kill_after=rng.uniform(0, 1.1) * seconds, from_work=True)
        if not done.killed:
            assert is_complete(scene, done), done.text
            break
        tally.kills += 1
        tally.in_work += traces(folder) != before
        there = finished(folder, scene)
        wrong = [name for name, content in there.items() if usual.get(name) != content]
        assert not wrong, f"half-written or different: {wrong}"
        now = identities(folder, scene)
        gone = [name for name, identity in kept.items() if now.get(name) != identity and "sweep.json" not in name]
        assert not gone, f"finished before the run, and gone or made again: {gone}"
        kept = now
    before_last = known(folder, scene)
    done = server.run(*scene.arguments, cwd=folder)
    assert is_complete(scene, done), done.text
    assert "Traceback" not in done.text, done.text
    check_continued(folder, scene, before_last, len(kept))
    now = identities(folder, scene)
    made_again = [name for name, identity in kept.items() if now.get(name) != identity and "sweep.json" not in name]
    assert not made_again, f"finished, and made again: {made_again}"
    end = results(folder, scene)
    assert end == usual, {
        "missing": sorted(usual.keys() - end.keys()),
        "left over": sorted(end.keys() - usual.keys()),
        "different": [name for name in usual.keys() & end.keys() if usual[name] != end[name]],
    }
    tally.recoveries += 1
    return tally


@pytest.fixture(scope="module")
def servers(server: JobServer, second_server: JobServer) -> list[JobServer]:
    return [server, second_server]


def test_what_is_killed_ends_with_the_usual_results(
    world: World, servers: list[JobServer], tmp_path: Path, note: list[str]
) -> None:
    """The number of kills is at least `KILLS`, and each command is killed; each work draws its moments from `SEED`."""
    for name in COMMANDS:
        world.usual(SCENES[name], servers[0])
    tallies = {name: Tally() for name in COMMANDS}
    failures: list[str] = []

    def works(first: int, server: JobServer) -> Iterator[None]:
        for number in itertools.count(first, len(servers)):
            name = COMMANDS[number // len(servers) % len(COMMANDS)]
            kills = [tally.kills for tally in tallies.values()]
            if (sum(kills) >= KILLS and all(kills)) or number >= 10 * KILLS or len(failures) > 20:
                return
            folder = tmp_path / f"{number}"
            try:
                tally = one_work(world, SCENES[name], server, folder, random.Random(f"{SEED} {number}"))
            except AssertionError as error:
                failures.append(f"work {number}, {name}: {error}")
                continue
            for count in ("kills", "in_work", "recoveries"):
                setattr(tallies[name], count, getattr(tallies[name], count) + getattr(tally, count))
            shutil.rmtree(folder)
            yield

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda place: Counter(works(place, servers[place])), range(len(servers))))
    for name, tally in tallies.items():
        note.append(f"{name}: {tally.kills} kills, {tally.in_work} during work, {tally.recoveries} recoveries")
    assert not failures, f"{len(failures)} failures\n" + "\n\n".join(failures[:5])
    assert all(tally.kills for tally in tallies.values())
