"""A flipped byte in any file of the store, of a checkpoint, of scores or of a cascade: noticed, or without any effect."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.job_server import JobServer
from tests.helpers.worlds import CALIBRATE, EVALUATE, PREDICT, SCENES, SWEEP, TABLE, TRAIN, Scene, World, clear, results

SEED = int(os.environ.get("SEED") or 0)
FLIPS = int(os.environ.get("FLIPS") or 2)
"""How many bytes are flipped in each file, one at a time."""

REPAIRS = (
    "Make it again:", "Make them:", "made again", "computed again", "train the member again", "Calibrate again",
    "make one:", "measured", "wee evaluate", "wee calibrate", "wee train", "set aside", "begins anew",
)  # fmt: skip


def flips(file: Path, name: str) -> Iterator[int]:
    """Flip some bytes of a file, one at a time: the first, the last, and some between."""
    rng, content = random.Random(f"{SEED} {name}"), file.read_bytes()
    for place in {0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(FLIPS))}:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        yield place
    file.write_bytes(content)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def swept(world: World, server: JobServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything, scores and a sweep included. Copy it; do not write into it."""
    folder = world.copy(
        Scene((), ("checkpoints", "store", "cascades", "images"), ()), tmp_path_factory.mktemp("d") / "w"
    )
    assert server.run(*SWEEP, cwd=folder).code == 0
    shutil.rmtree(folder / "outputs" / "runs")
    return folder


def sweep_tables(folder: Path) -> dict[str, str]:
    """The tables of the newest sweep, whatever its key."""
    tables = results(folder, Scene((), (), ("outputs/sweeps",)))
    return {Path(path).name: content for path, content in tables.items() if not path.endswith("sweep.json")}


def test_a_byte_of_the_store(world: World, swept: Path, server: JobServer, tmp_path: Path, note: list[str]) -> None:
    """A sweep that finds damage names the file and the command; the command makes the entry again, as it was."""
    usual, _ = world.usual(SCENES["evaluate"], server)
    tables = sweep_tables(swept)
    noticed = harmless = 0
    store = swept / "outputs" / "store"
    for name in [name for name in files_below(store) if not name.startswith(".scores")]:
        if "/1/" in name and "costs" not in name:
            continue  # the files of the second member are like those of the first
        work = tmp_path / "work"
        shutil.copytree(swept, work)
        for path in ("outputs/sweeps", "outputs/store/.scores"):
            shutil.rmtree(work / path)
        for place in flips(work / "outputs" / "store" / name, name):
            done = server.run(*SWEEP, cwd=work)
            told = clear(done, code=None)
            if done.code:
                noticed += 1
                assert any(part in told for part in (Path(name).name, Path(name).parent.name)), (name, place, told)
                assert any(repair in told for repair in REPAIRS), (name, place, told)
            else:
                harmless += 1
                assert sweep_tables(work) == tables, (name, place)
            for path in ("outputs/sweeps", "outputs/store/.scores"):
                shutil.rmtree(work / path, ignore_errors=True)
        damaged = bytearray((work / "outputs" / "store" / name).read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (work / "outputs" / "store" / name).write_bytes(damaged)
        done = server.run(*EVALUATE, cwd=work)
        assert done.code == 0, (name, done.text)
        assert "set aside" in done.text, (name, done.text)
        for aside in (work / "outputs" / "store").rglob("*.damaged-*"):
            shutil.rmtree(aside) if aside.is_dir() else aside.unlink()
        assert results(work, SCENES["evaluate"]) == usual, name
        shutil.rmtree(work)
    note.append(f"bytes of the store: {noticed} noticed, {harmless} without effect")
    assert noticed


def test_a_byte_of_the_scores(swept: Path, server: JobServer, tmp_path: Path, note: list[str]) -> None:
    """Scores are computed again: the tables are the same."""
    tables, noticed, harmless = sweep_tables(swept), 0, 0
    scores = swept / "outputs" / "store" / ".scores"
    rng = random.Random(SEED)
    for name in rng.sample(files_below(scores), 12):
        work = tmp_path / "work"
        shutil.copytree(swept, work)
        for place in flips(work / "outputs" / "store" / ".scores" / name, name):
            shutil.rmtree(work / "outputs" / "sweeps", ignore_errors=True)
            done = server.run(*SWEEP, cwd=work)
            assert done.code == 0, (name, place, done.text)
            assert sweep_tables(work) == tables, (name, place)
            told = "computed again" in clear(done, code=0)
            noticed, harmless = noticed + told, harmless + (not told)
        shutil.rmtree(work)
    note.append(f"bytes of scores: {noticed} noticed, {harmless} without effect")
    assert noticed


def test_a_byte_of_a_checkpoint(world: World, server: JobServer, tmp_path: Path, note: list[str]) -> None:
    usual, _ = world.usual(SCENES["evaluate"], server)
    noticed = harmless = 0
    checkpoints = world.root / "outputs" / "checkpoints"
    for name in files_below(checkpoints):
        if "/1-" in name:
            continue
        work = world.copy(SCENES["evaluate"], tmp_path / "work")
        for place in flips(work / "outputs" / "checkpoints" / name, name):
            done = server.run(*EVALUATE, "member=0", cwd=work)
            told = clear(done, code=None)
            entries = {path: content for path, content in results(work, SCENES["evaluate"]).items() if "/s1/0/" in path}
            if entries == {path: content for path, content in usual.items() if "/s1/0/" in path}:
                harmless += 1
            else:
                noticed += 1
                assert Path(name).name in told, (name, place, told)
                assert any(repair in told for repair in REPAIRS), (name, place, told)
            shutil.rmtree(work / "outputs" / "store", ignore_errors=True)
        shutil.rmtree(work)
    note.append(f"bytes of a checkpoint: {noticed} noticed, {harmless} without effect")
    assert noticed


def test_a_byte_of_an_interrupted_training(world: World, server: JobServer, tmp_path: Path, note: list[str]) -> None:
    """The state that a killed training goes on from: if it is damaged, the training begins anew."""
    usual, seconds = world.usual(SCENES["train"], server)
    work = tmp_path / "work"
    for attempt in range(20):
        shutil.rmtree(work, ignore_errors=True)
        world.copy(SCENES["train"], work)
        server.run(*TRAIN, cwd=work, kill_after=(0.3 + 0.03 * attempt) * seconds, from_work=True)
        states = list(work.rglob("state.pt"))
        if states:
            break
    content, anew, harmless = states[0].read_bytes(), 0, 0
    rng = random.Random(SEED)
    for place in {0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(3 * FLIPS))}:
        again = tmp_path / f"again{place}"
        shutil.copytree(work, again)
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        (again / states[0].relative_to(work)).write_bytes(damaged)
        done = server.run(*TRAIN, cwd=again)
        assert done.code == 0, (place, done.text)
        assert results(again, SCENES["train"]) == usual, (place, done.text)
        told = "begins anew" in clear(done, code=0)
        anew, harmless = anew + told, harmless + (not told)
    note.append(f"bytes of the state of a training: {anew} noticed, {harmless} without effect")


def test_a_byte_of_a_piece(world: World, server: JobServer, tmp_path: Path) -> None:
    """A piece of an entry that a killed run has left: its samples are computed again."""
    usual, seconds = world.usual(SCENES["evaluate"], server)
    rng = random.Random(SEED)
    checked = 0
    for attempt in range(30):
        work = world.copy(SCENES["evaluate"], tmp_path / f"{attempt}")
        server.run(*EVALUATE, cwd=work, kill_after=rng.uniform(0.2, 0.9) * seconds, from_work=True)
        pieces = list(work.rglob("pieces/*.npz"))
        if not pieces:
            continue
        for piece in pieces:
            content = bytearray(piece.read_bytes())
            for _ in range(2):
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            piece.write_bytes(content)
        done = server.run(*EVALUATE, cwd=work)
        assert done.code == 0, done.text
        clear(done, code=0)
        assert results(work, SCENES["evaluate"]) == usual, done.text
        checked += 1
        if checked == max(2, FLIPS):
            break
    assert checked


def test_a_byte_of_a_cascade(world: World, server: JobServer, tmp_path: Path, note: list[str]) -> None:
    usual, _ = world.usual(SCENES["predict"], server)
    noticed = harmless = 0
    for name in files_below(world.root / "outputs" / "cascades"):
        work = world.copy(SCENES["predict"], tmp_path / "work")
        file = work / "outputs" / "cascades" / name
        repeats = 8 if file.suffix == ".json" else 1
        for repeat in range(repeats):
            for place in flips(file, f"{name} {repeat}"):
                done = server.run(*PREDICT, cwd=work)
                told = clear(done, code=None)
                if done.code:
                    noticed += 1
                    assert file.name in told, (name, place, told)
                    assert any(repair in told for repair in REPAIRS), (name, place, told)
                    assert not (work / TABLE).exists()
                else:
                    harmless += 1
                    assert results(work, SCENES["predict"]) == usual, (name, place)
                    (work / TABLE).unlink()
        shutil.rmtree(work)
    note.append(f"bytes of a cascade: {noticed} noticed, {harmless} without effect")
    assert noticed


def test_a_damaged_cascade_is_calibrated_again(world: World, server: JobServer, tmp_path: Path) -> None:
    work = tmp_path / "work"
    world.copy(Scene((), ("checkpoints", "store", "cascades"), ()), work)
    file = work / "outputs" / "cascades" / "c" / "cascade.json"
    usual = file.read_text()
    file.write_text(usual.replace('"acceptance": ', '"acceptance": 1'))
    told = clear(server.run(*CALIBRATE, cwd=work))
    assert "overwrite=true" in told
    assert server.run(*CALIBRATE, "overwrite=true", cwd=work).code == 0
    assert file.read_text() == usual
