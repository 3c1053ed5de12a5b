"""Bad input of every kind, drawn from a seed: a message, no traceback, nothing left behind, and no code is run.

`CASES` and `SEED` in the environment say how many inputs are tried, and which.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.helpers import hostile
from tests.helpers.hostile import CANARY, BadInput
from tests.helpers.job_server import Done, JobServer
from tests.helpers.worlds import PARTS, SWEEP, World
from wee.app.command import UNEXPECTED

log = logging.getLogger(__name__)

SEED = int(os.environ.get("SEED") or 0)
CASES = int(os.environ.get("CASES") or 200)
LIMIT = 60.0
"""The time after which a command counts as hanging, in seconds."""


@pytest.fixture(scope="module")
def servers() -> Iterator[list[JobServer]]:
    with JobServer() as first, JobServer() as second:
        yield [first, second]


@pytest.fixture(scope="module")
def root(servers: list[JobServer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command has run."""
    world = World(tmp_path_factory.mktemp("world"), servers[0])
    done = servers[0].run(*SWEEP, cwd=world.root)
    assert done.code == 0, done.text
    shutil.rmtree(world.root / "outputs" / "runs")
    return world.root


@pytest.fixture(scope="module")
def keys(servers: list[JobServer], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The keys of each command's config."""
    place = tmp_path_factory.mktemp("keys")
    return {
        command: hostile.keys_of(servers[0].run(command, "--cfg", "job", cwd=place).out) for command in hostile.COMMANDS
    }


def drawn(number: int, root: Path, keys: dict[str, list[str]]) -> BadInput:
    """The bad input with a number; it depends on the seed and the number alone."""
    rng = random.Random(f"{SEED} {number}")
    kinds = [
        lambda: hostile.bad_overrides(rng, keys),
        lambda: hostile.bad_yaml(rng),
        lambda: hostile.bad_logits(rng),
        lambda: hostile.bad_image(rng),
        lambda: hostile.bad_cascade(rng, root),
        lambda: hostile.bad_checkpoint(rng, root),
        lambda: hostile.bad_store(rng, root),
        lambda: hostile.bad_sweep(rng, root),
    ]
    return rng.choices(kinds, [6, 2, 2, 1, 2, 1, 1, 1])[0]()


def files_in(folder: Path) -> set[str]:
    """The files in a folder; logs of runs do not count."""
    paths = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if not path.startswith("outputs/runs/") and not _is_log(path)}


def _is_log(path: str) -> bool:
    """Whether a file is one that Hydra writes into the folder of a run, wherever `hydra.run.dir` puts it."""
    return "/.hydra/" in f"/{path}" or path.endswith((".log", "report.json", "multirun.yaml"))


def complaints(case: BadInput, done: Done, before: set[str], folder: Path) -> list[str]:
    """What is wrong with the answer to a bad input."""
    wrong = []
    if "Traceback (most recent call last)" in done.text or "Logging error" in done.text:
        wrong.append("a traceback")
    if UNEXPECTED in done.text:
        wrong.append("an unexpected error")
    if done.timed_out:
        wrong.append("it hangs")
    elif done.code not in (0, 1, 2):
        wrong.append(f"exit code {done.code}")
    elif done.code == 1 and len(done.err.strip()) < 10:
        wrong.append("no message")
    if list(folder.rglob(CANARY)):
        wrong.append("CODE WAS RUN")
    left = files_in(folder) - before
    if done.code == 1:
        wrong += [f"left behind: {path}" for path in sorted(left) if not allowed(path)]
    return wrong


def allowed(path: str) -> bool:
    """Whether a failed command may leave a file: finished work, or scores that may be deleted at any time."""
    finished = path.startswith(
        ("outputs/store/", "outputs/checkpoints/", "outputs/sweeps/")
    ) and "/." not in path.replace("/.scores/", "/")
    return finished and not path.endswith((".tmp", ".lock"))


def tried(case: BadInput, server: JobServer, root: Path, folder: Path) -> str | None:
    """Run a command with bad input; return what is wrong with its answer, or None."""
    folder.mkdir()
    for part in case.parts:
        place = PARTS.get(part, f"outputs/{part}")
        shutil.copytree(root / place, folder / place)
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    before = files_in(folder)
    arguments = tuple(argument.replace("\x00", "") for argument in case.arguments)
    done = server.run(*arguments, cwd=folder, hook=case.hook, limit=LIMIT, memory_limit=12 * 2**30)
    wrong = complaints(case, done, before, folder)
    shutil.rmtree(folder)
    return f"{', '.join(wrong)}: {case.kind}: {list(arguments)}\n{done.text[-1500:]}" if wrong else None


def test_bad_input_is_told(
    root: Path, keys: dict[str, list[str]], servers: list[JobServer], tmp_path: Path, note: list[str]
) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []

    def work(place: int) -> None:
        for number in range(place, CASES, len(servers)):
            case = drawn(number, root, keys)
            try:
                wrong = tried(case, servers[place], root, tmp_path / f"{number}")
            except Exception:
                wrong = f"the test itself failed: {case.kind} {case.arguments}\n{traceback.format_exc()}"
            counts[case.kind] += 1
            if wrong:
                log.error("case %d: %s", number, wrong)  # shown at once with --log-cli-level=ERROR
                failures.append(f"case {number}: {wrong}")

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(work, range(len(servers))))
    note.append(
        f"{sum(counts.values())} bad inputs: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    )
    assert not failures, f"{len(failures)} of {CASES}\n" + "\n\n".join(failures[:200])
