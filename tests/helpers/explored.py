"""Small sweeps in their folders, as `wee sweep` leaves them, for tests of the explorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.helpers.stores import FAR, fill_store
from tests.helpers.sweeps import plan, pool
from wee.data.splits import TEST, VAL
from wee.members.config import EnsembleConfig
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.differences import averages
from wee.sweep.fronts import fronts
from wee.sweep.results import AVERAGES, MADE_BY, TABLE, save
from wee.sweep.run import Result, compute

COMMANDS = {
    "first": "wee sweep dataset=stored dataset.name=toy family=stored family.name=made 'score=[msp,margin]' name=first",
    "second": "wee sweep dataset=stored dataset.name=toy family=stored family.name=three ensemble=trio name=second",
    "detection": "wee sweep dataset=stored dataset.name=toy family=stored family.name=made task=fpr@95 name=detection",
}
"""The command lines that the sweeps keep."""

RESAMPLES = 15


def write_sweeps(root: Path) -> dict[str, Path]:
    """Write two sweeps below a folder, and return their folders by name.

    The first has two members of two scales, an OOD set in three shares with adjusted windows, two scores, and intervals. The
    second has cascades of three members, without intervals.
    """
    store = fill_store(root / "store", ood=True, count=120)
    settings = plan(
        ood=["far"], ood_share=[0.5, 0.2, 1e-5], bootstrap=BootstrapConfig(RESAMPLES, 0.9),
        score=ScoreConfig(["msp", "margin"]),
        window=WindowConfig([0, 0.2, 0.5, "all"]), task=TaskConfig(["cov@20", "risk@50"], ["aurc", "accuracy"]),
    )  # fmt: skip
    first = _computed([pool(store, scale, splits=(VAL, TEST, FAR)) for scale in ("s1", "s2")], settings)
    tables = {AVERAGES: averages(first.table(), first, 0.9)}
    folders = {"first": _saved(root, "first", first, tables, settings)}
    three = fill_store(root / "three", members=3, scales=("s1",), count=90, seed=1, family="made")
    settings = plan(
        ensemble=EnsembleConfig(size=3, members=3), policy=PolicyConfig(["single", "ensemble", "window"]),
        window=WindowConfig([(0.5, 0.2), 0.3]), task=TaskConfig(["cov@20"], []), score=ScoreConfig(),
    )  # fmt: skip
    second = _computed([pool(three, "s1", members=3)], settings)
    folders["second"] = _saved(root, "second", second, {}, settings)
    return folders


def write_detection(root: Path) -> Path:
    """Write a sweep about OOD detection below a folder, of one scale and two scores, and return its folder."""
    store = fill_store(root / "detection", ood=True, scales=("s1",), count=120)
    settings = plan(
        ood=["far"], score=ScoreConfig(["msp", "margin"]), policy=PolicyConfig(["single", "ensemble", "window"]),
        window=WindowConfig([0.1, 0.2]), task=TaskConfig(["fpr@95", "fpr@80"], ["auroc"]),
    )  # fmt: skip
    result = _computed([pool(store, "s1", splits=(VAL, TEST, FAR))], settings)
    return _saved(root, "detection", result, {}, settings)


def _computed(pools: list[Any], settings: Any) -> Result:
    result = Result()
    for networks in pools:
        result.extend(compute(networks, settings))
    return result


def _saved(root: Path, name: str, result: Result, tables: Mapping[str, Any], settings: Any) -> Path:
    folder = root / "outputs" / "sweeps" / name / f"key-of-{name}"
    parts = ("ensemble", "policy", "window", "score", "task", "bootstrap")
    about = {
        "name": name,
        **{part: asdict(getattr(settings, part)) for part in parts},
        "entries": [],
        "labels": {
            "families": {"made": "Made-up & <small>"},
            "scales": {"made/s1": "S one"},
            "oods": {"far": "Far away"},
        },
        MADE_BY: COMMANDS[name],
    }
    table = result.table()
    save(folder, {TABLE: table, "fronts.csv": fronts(table), **tables}, about, result.rules)
    return folder
