"""A full disk and a read-only folder: a clear message, nothing finished is lost, and the same command then completes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.job_server import JobServer
from tests.helpers.worlds import SCENES, TABLE, Scene, World, clear, finished, results


@contextlib.contextmanager
def mounted(place: Path, size: str = "64m") -> Iterator[Path]:
    """A small file system in memory; the test is skipped if this user may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this user cannot mount a file system: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def fill(place: Path, leave: int) -> Path:
    """Fill a file system up to a number of free bytes."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        free = shutil.disk_usage(place).free - leave
        os.posix_fallocate(file.fileno(), 0, max(free, 4096))
    return ballast


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with mounted(tmp_path_factory.mktemp("disk")) as place:
        yield place


KEPT_FREE = {
    "train": (0, 20_000, 200_000, 400_000),
    "evaluate": (0, 20_000, 60_000, 120_000),
    "sweep": (0, 20_000, 80_000, 300_000),
    "calibrate": (0, 20_000, 120_000, 300_000),
    "predict": (0, 4_096, 12_288, 20_000),
    "export": (0, 20_000, 100_000, 200_000),
}
"""How many bytes the disk has left, so that it is full at different moments of a command."""


@pytest.mark.parametrize("name", SCENES)
def test_a_full_disk(name: str, world: World, server: JobServer, disk: Path, note: list[str]) -> None:
    scene = SCENES[name]
    usual, _ = world.usual(scene, server)
    failed = 0
    for leave in KEPT_FREE[name]:
        folder = world.copy(scene, disk / f"{name}{leave}")
        ballast = fill(disk, leave)
        try:
            done = server.run(*scene.arguments, cwd=folder, limit=60)
        finally:
            ballast.unlink()
        told = clear(done, code=None)
        if done.code:
            failed += 1
            assert "space" in told, told
            assert "ballast" not in told
        wrong = {path for path, content in finished(folder, scene).items() if usual.get(path) != content}
        assert not wrong, (leave, wrong)
        complete_as_usual(server, scene, folder, usual)
        shutil.rmtree(folder)
    assert failed, "the disk was never full"
    note.append(f"{name}: full at {failed} of {len(KEPT_FREE[name])} moments")


@pytest.mark.parametrize("name", SCENES)
def test_a_limit_on_the_size_of_files(name: str, world: World, server: JobServer, tmp_path: Path) -> None:
    """Where no file system can be mounted, this stands for a full disk: every larger file is refused while it is written."""
    scene = SCENES[name]
    usual, _ = world.usual(scene, server)
    for limit in (0, 600, 9_000):
        folder = world.copy(scene, tmp_path / f"{limit}")
        done = server.run(*scene.arguments, cwd=folder, file_limit=limit)
        told = clear(done, code=None)
        if done.code:
            assert any(word in told for word in ("space", "too large")), told
        wrong = {path for path, content in finished(folder, scene).items() if usual.get(path) != content}
        assert not wrong, (limit, wrong)
        complete_as_usual(server, scene, folder, usual)


def complete_as_usual(server: JobServer, scene: Scene, folder: Path, usual: dict[str, str]) -> None:
    """Run a command once more, and check that its results are the usual ones."""
    done = server.run(*scene.arguments, cwd=folder)
    assert done.code == 0 or (scene.name == "predict" and f"{TABLE} exists" in done.text) or (
        scene.name == "export" and "exists: give another" in done.text
    ), done.text  # fmt: skip
    end = results(folder, scene)
    assert end == usual, {
        "missing": sorted(usual.keys() - end.keys()),
        "left over": sorted(end.keys() - usual.keys()),
        "different": [path for path in usual.keys() & end.keys() if usual[path] != end[path]],
    }


@pytest.mark.parametrize("name", SCENES)
def test_a_read_only_folder(name: str, world: World, server: JobServer, tmp_path: Path) -> None:
    scene = SCENES[name]
    usual, _ = world.usual(scene, server)
    with mounted(tmp_path / "disk") as place:
        folder = world.copy(scene, place / "work")
        (folder / "outputs").mkdir(exist_ok=True)
        remount(place, "ro")
        told = clear(server.run(*scene.arguments, cwd=folder))
        assert "Read-only file system" in told, told
        remount(place, "rw")
        complete_as_usual(server, scene, folder, usual)


@pytest.mark.parametrize("name", ["train", "evaluate", "calibrate", "predict", "export"])
def test_results_that_cannot_be_written(name: str, world: World, server: JobServer, tmp_path: Path) -> None:
    """The log can be written, and the results cannot: the message names the folder."""
    scene = SCENES[name]
    folder = world.copy(scene, tmp_path / "work")
    (folder / scene.results[-1]).mkdir(parents=True, exist_ok=True)
    with read_only(folder / scene.results[-1]):
        told = clear(server.run(*scene.arguments, cwd=folder))
    assert "Read-only file system" in told, told
    assert scene.results[-1] in told, told


def test_a_sweep_of_a_store_that_cannot_be_written(world: World, server: JobServer, tmp_path: Path) -> None:
    scene = SCENES["sweep"]
    usual, _ = world.usual(scene, server)
    folder = world.copy(scene, tmp_path / "work")
    with read_only(folder / "outputs" / "store"):
        done = server.run(*scene.arguments, cwd=folder)
    assert done.code == 0, done.text
    assert "cannot be written to: scores are not kept for the next sweep" in done.err
    tables = {path: content for path, content in results(folder, scene).items() if "sweeps" in path}
    assert tables == {path: content for path, content in usual.items() if "sweeps" in path}


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only by mounting it once more over itself."""
    done = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user cannot mount a folder: {done.stderr.strip()}")
    try:
        remount(folder, "bind,ro")
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
