"""What is kept of scoring: found again, never stale, never believed when damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.command_line import SMALL, Wee
from tests.helpers.sweeps import SPLITS, pool, small
from wee.data.splits import VAL
from wee.errors import WeeError
from wee.method import summarise
from wee.store import LogitStore
from wee.store.derived import Derived
from wee.sweep.cache import SummaryCache
from wee.sweep.config import ScoreConfig, ScoringConfig, TaskConfig
from wee.sweep.pool import Pool
from wee.sweep.run import compute


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What has been scored, call by call."""
    calls: list[dict[str, Any]] = []

    def watch(logits: Any, labels: Any, sets: Any, scores: Any, *rest: Any) -> Any:
        calls.append({"sets": sorted(sets), "scores": list(scores)})
        return summarise(logits, labels, sets, scores, *rest)

    monkeypatch.setattr("wee.method.logits.summarise", watch)
    return calls


def keeping(folder: Path) -> SummaryCache:
    return SummaryCache(ScoringConfig(threads=1), Derived(folder))


def run(found: Pool, folder: Path, score: ScoreConfig | None = None) -> pd.DataFrame:
    wanted = small(task=TaskConfig(["cov@20", "fpr@80"], ["aurc", "nll", "ece"]), ood=["far"])
    if score is not None:
        wanted = small(score=score)
    return compute(found, wanted, keeping(folder)).table()


def test_a_second_sweep_reads_no_logits(store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]]) -> None:
    found = pool(store, "s1", splits=SPLITS)
    first = run(found, tmp_path)
    assert len(scored) == len(SPLITS)
    second = run(pool(store, "s1", splits=SPLITS), tmp_path)
    assert len(scored) == len(SPLITS)
    pd.testing.assert_frame_equal(first, second)


def test_another_score_is_computed_and_no_other(
    store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]]
) -> None:
    found = pool(store, "s1")
    run(found, tmp_path, ScoreConfig("msp"))
    run(found, tmp_path, ScoreConfig(["msp", "energy"]))
    assert [call["scores"] for call in scored] == [["msp"], ["msp"], ["energy"], ["energy"]]


def test_a_users_own_score_is_kept_until_its_source_changes(
    store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "own_score.py"
    monkeypatch.syspath_prepend(tmp_path)
    for factor in (1, 1, 2):
        source.write_text(f"def own(outputs):\n    return {factor} * outputs.peak\n")
        run(pool(store, "s1"), tmp_path / "kept", ScoreConfig("own_score:own"))
    assert [call["scores"] for call in scored] == [
        ["own_score:own"]
    ] * 4  # val and test, for two versions of the source


def test_other_logits_of_the_same_name_are_scored_again(
    store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]]
) -> None:
    found = pool(store, "s1")
    run(found, tmp_path, ScoreConfig("msp"))
    for entry in found.networks[0].entries.values():
        entry.__dict__["checksum"] = 1
    run(found, tmp_path, ScoreConfig("msp"))
    assert len(scored) == 4


def test_what_is_damaged_is_computed_again(
    store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    found = pool(store, "s1")
    first = run(found, tmp_path, ScoreConfig("msp"))
    for path in sorted(tmp_path.rglob("score.npy"))[:1]:
        content = bytearray(path.read_bytes())
        content[-3] ^= 4
        path.write_bytes(content)
    second = run(found, tmp_path, ScoreConfig("msp"))
    assert len(scored) == 3
    assert scored[-1]["scores"] == ["msp"]
    assert "is damaged" in caplog.text
    pd.testing.assert_frame_equal(first, second)


def test_a_store_that_cannot_be_written_to_is_no_obstacle(
    store: LogitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "mkdir", refuse)
    table = run(pool(store, "s1"), tmp_path / "nowhere", ScoreConfig("msp"))
    assert len(table)
    assert caplog.text.count("cannot be written to") == 1


def test_a_score_is_kept_for_each_temperature(store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]]) -> None:
    found = pool(store, "s1")
    scorer = keeping(tmp_path)
    temperatures = scorer.temperatures(found)
    assert keeping(tmp_path).temperatures(found) == temperatures
    plain = scorer.summaries(found, VAL, [(0,)], ["msp"])
    warm = scorer.summaries(found, VAL, [(0,)], ["msp"], [3.0] * len(found.networks))
    assert len(scored) == 2
    assert (plain[0,].scores["msp"] > warm[0,].scores["msp"]).all()


def test_a_temperature_is_that_of_rounded_logits(store: LogitStore, tmp_path: Path) -> None:
    found = pool(store, "s1")
    plain, rounded = (
        SummaryCache(ScoringConfig(), Derived(tmp_path), how).temperatures(found) for how in (None, "bfloat16")
    )
    assert plain != rounded
    assert plain == pytest.approx(rounded, rel=1e-2)


def test_an_accelerators_scores_are_kept_apart(store: LogitStore, tmp_path: Path, scored: list[dict[str, Any]]) -> None:
    found = pool(store, "s1")
    for accelerator in ("cpu", "auto", "cpu"):
        SummaryCache(ScoringConfig(accelerator=accelerator), Derived(tmp_path)).summaries(found, VAL, [(0,)], ["msp"])
    assert len(scored) == 1
    assert ScoringConfig(accelerator="cuda:1").kinds == ["cuda"]
    with pytest.raises(WeeError, match="auto, cpu, cuda"):
        ScoringConfig(accelerator="gpu")
    with pytest.raises(WeeError, match="runtime.threads is -1"):
        ScoringConfig(threads=-1)


def test_a_full_disk_is_no_obstacle(
    store: LogitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(np, "save", full)
    assert len(run(pool(store, "s1"), tmp_path, ScoreConfig("msp")))
    assert "no space left" in caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".tmp", ".lock"))]


def test_keeping_waits_for_no_disk(store: LogitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are thousands of pieces, and what a loss of power damages is computed again."""

    def refuse(descriptor: int) -> None:
        raise AssertionError("scores need not survive a loss of power")

    monkeypatch.setattr(os, "fsync", refuse)
    run(pool(store, "s1"), tmp_path, ScoreConfig("msp"))
    assert list(tmp_path.rglob("score.npy"))


def test_a_map_that_was_written_to_keeps_what_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "z.npy", rng.normal(size=(3000, 1000)).astype(np.float32))
    mapped = np.load(tmp_path / "z.npy", mmap_mode="c")
    mapped *= 2
    labels = np.zeros(3000, dtype=np.int64)
    found, expected = (summarise([z], labels, [(0,)])[0,].scores["msp"] for z in (mapped, np.array(mapped)))
    assert (found == expected).all()
    assert (mapped == 2 * np.load(tmp_path / "z.npy")).all()


@pytest.mark.parametrize("classes", [3, 1000])
def test_threads_do_not_show(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wee.method.logits.CHUNK_VALUES", 7 * classes)
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=(200, classes)).astype(np.float32) * 4 for _ in range(2)]
    labels = rng.integers(classes, size=200)
    names = ["msp", "entropy", "max_logit", "energy", "margin", "gini"]
    one, many = (summarise(logits, labels, [(0,), (0, 1)], names, threads=n) for n in (1, 5))
    for members, summary in one.items():
        for name in names:
            assert summary.scores[name].tobytes() == many[members].scores[name].tobytes()
        for field in ("confidence", "label", "correct", "top5", "log_prob", "brier"):
            assert getattr(summary, field).tobytes() == getattr(many[members], field).tobytes()


def test_a_sweep_by_a_plugin_is_made_again_when_its_source_changes(trained: Path, tmp_path: Path, wee: Wee) -> None:
    arguments = ("sweep", "scale=s1", *SMALL, "ood=none", "score.exit=mine:own", "name=own")
    paths = (f"paths.store={trained}/outputs/store", f"paths.sweeps={tmp_path}/sweeps")
    tables = []
    for sign in ("", "-"):
        (tmp_path / "mine.py").write_text(f"def own(outputs):\n    return {sign}outputs.peak\n")
        script = "import sys; sys.path.insert(0, ''); from wee.cli import main; main()"
        wee(*arguments, *paths, cwd=tmp_path, script=script)
        newest = max((tmp_path / "sweeps" / "own").glob("*/table.csv"), key=lambda path: path.stat().st_mtime)
        tables.append(pd.read_csv(newest))
    assert (tables[0].value - tables[1].value).abs().max() > 1
