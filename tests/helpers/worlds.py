"""A tiny world for tests of faults: what each command needs, its usual result, and what is compared of results."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.job_server import Done, JobServer
from wee.app.command import UNEXPECTED

SMALL = ("dataset.base_images={train:20,val:20,test:20}", "dataset.draws={train:2,val:5,test:5}", "scale=s1")
QUICK = ("trainer.steps=6", "trainer.batch_size=16")
OOD = ("ood=photos", "ood.photos.draws=1")
CASCADE = "outputs/cascades/c"
TABLE = "outputs/predictions/predictions.csv"

TRAIN = ("train", *SMALL, *QUICK, "runtime.keep_every=0")
EVALUATE = ("evaluate", *SMALL, *QUICK, *OOD, "piece_samples=20", "batch_size=20")
SWEEP = ("sweep", *SMALL, *OOD, "policy=paper", "window.width=0.2", "name=t")
CALIBRATE = ("calibrate", *SMALL, *QUICK, "task=risk@50", "target=100", "name=c", "bootstrap.resamples=20")
PREDICT = ("predict", f"cascade={CASCADE}", "images=images", "batch_size=2")
EXPORT = ("export", f"cascade={CASCADE}", "output=outputs/exports/c")

TRAINING_STEPS = 6

PARTS = {
    "checkpoints": "outputs/checkpoints", "store": "outputs/store", "cascades": "outputs/cascades", "images": "images",
}  # fmt: skip
"""The parts of the world that commands read, by name."""


@dataclass(frozen=True)
class Scene:
    """A command, and what it needs.

    Attributes:
        arguments: its command line.
        needs: the parts of the world that it reads.
        results: the folders that it writes.
    """

    arguments: tuple[str, ...]
    needs: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the command."""
        return self.arguments[0]


SCENES = {
    scene.name: scene
    for scene in (
        Scene(TRAIN, (), ("outputs/checkpoints",)),
        Scene(EVALUATE, ("checkpoints",), ("outputs/store",)),
        Scene(SWEEP, ("store",), ("outputs/store", "outputs/sweeps")),
        Scene(CALIBRATE, ("checkpoints", "store"), ("outputs/store", "outputs/cascades")),
        Scene(PREDICT, ("cascades", "images"), ("outputs/predictions",)),
        Scene(EXPORT, ("cascades",), ("outputs/exports",)),
    )
}
"""The commands that the tests of faults disturb, by name."""


class World:
    """A folder in which every command has run once.

    Args:
        root: the folder.
        server: runs the commands.
    """

    def __init__(self, root: Path, server: JobServer) -> None:
        self.root = root
        for arguments in (TRAIN, EVALUATE, CALIBRATE, ("data", *SMALL[:2], "images=images")):
            done = server.run(*arguments, cwd=root)
            assert done.code == 0, done.text
        shutil.rmtree(root / "outputs" / "store" / ".scores")
        self._usual: dict[str, tuple[dict[str, str], float]] = {}

    def copy(self, scene: Scene, folder: Path) -> Path:
        """Copy what a command needs into a new folder."""
        folder.mkdir(parents=True)
        for part in scene.needs:
            shutil.copytree(self.root / PARTS[part], folder / PARTS[part])
        return folder

    def usual(self, scene: Scene, server: JobServer) -> tuple[dict[str, str], float]:
        """Return the results of a command that nothing disturbs, and how long its work takes, in seconds."""
        if scene.name not in self._usual:
            seconds = []
            for attempt in range(2):
                folder = self.copy(scene, self.root / "usual" / f"{scene.name}{attempt}")
                done = server.run(*scene.arguments, cwd=folder)
                assert done.code == 0, done.text
                seconds.append(done.seconds - done.started_work)
            self._usual[scene.name] = results(folder, scene), min(seconds)
        return self._usual[scene.name]


def results(folder: Path, scene: Scene) -> dict[str, str]:
    """Return the digest of every file that a command has written, by path, without times.

    Half-written files, locks and leftovers are among them, so that none may be left in equal results.
    """
    return {str(path.relative_to(folder)): digest(path) for path in _files(folder, scene)}


def finished(folder: Path, scene: Scene) -> dict[str, str]:
    """Return the results that lie under their final names."""
    return {
        str(path.relative_to(folder)): digest(path)
        for path in _files(folder, scene)
        if not _unfinished(path.relative_to(folder))
    }


def identities(folder: Path, scene: Scene) -> dict[str, tuple[int, int]]:
    """Return what changes when a finished file is made again: its inode and its time of modification."""
    kept = {}
    for path in _files(folder, scene):
        if not _unfinished(path.relative_to(folder)):
            status = path.stat()
            kept[str(path.relative_to(folder))] = status.st_ino, status.st_mtime_ns
    return kept


def _files(folder: Path, scene: Scene) -> Iterator[Path]:
    for result in scene.results:
        for root, _, names in os.walk(folder / result):
            yield from (Path(root, name) for name in sorted(names))


def _unfinished(path: Path) -> bool:
    return any(
        part.endswith((".partial", ".training", ".tmp", ".lock", ".part", ".dead")) or ".damaged-" in part
        for part in path.parts
    )


VOLATILE = {"created", "seconds", "steps", "crc32"}
"""Keys of JSON files that depend on the time of a run, on how often it was interrupted, or on such a value."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; of the JSON files that name a time, without it."""
    content = path.read_bytes()
    if (path.suffix == ".json" and path.name in ("manifest.json", "member.json")) or path.parent.name == "costs":
        content = json.dumps(_without_times(json.loads(content)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_times(inner)
            for key, inner in value.items()
            if key not in VOLATILE or (key == "crc32" and isinstance(inner, list))
        }
    return value


def last_report(folder: Path, command: str) -> dict[str, Any]:
    """Return what the latest run of a command reports."""
    reports = sorted((folder / "outputs" / "runs" / command).rglob("report.json"))
    report: dict[str, Any] = json.loads(reports[-1].read_text())
    return report


def clear(done: Done, *, code: int | None = 1) -> str:
    """Check that a failed command ended with a message and no traceback; return the message."""
    assert "Traceback" not in done.text, done.text
    assert UNEXPECTED not in done.text, done.text
    assert not done.timed_out, done.text
    assert done.code == code if code is not None else done.code in (0, 1), (done.code, done.text)
    return done.text
