"""The study of one to four members, on made-up logits whose answer is known."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from wee.data.splits import TEST, VAL
from wee.store import Address, LogitStore
from wee.sweep.cells import read_width

CIFAR10 = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"
COSTS = {"w16": 1e6, "w24": 2e6, "w40": 4e6}


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the study."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("members")


def fill(root: Path, counts: dict[str, int], same_members: bool) -> LogitStore:
    """Return a store with so many members of each size, which make independent mistakes, or the same ones."""
    store = LogitStore(root)
    for size, count in counts.items():
        for member in range(count):
            for number, split in enumerate((VAL, TEST)):
                labels = np.random.default_rng(number).integers(10, size=600)
                rng = np.random.default_rng([number, int(COSTS[size]), 0 if same_members else 1 + member])
                logits = 2.0 * np.eye(10)[labels] + rng.normal(size=(600, 10))
                ids = np.array([f"{split.kind}-{k}" for k in range(600)], dtype=np.bytes_)
                address = Address("cifar10", "cifar_resnet", size, member, split)
                identity = {"weights": f"{size}-{member}", "samples": str(split)}
                with store.writer(address, identity, labels, ids, ids) as writer:
                    writer.add(np.arange(600), logits.astype(np.float32), labels)
                    writer.commit({"macs": [COSTS[size]]}, {"command": "wee evaluate"})
    return store


def test_members_that_err_independently_bring_less_and_less(members: ModuleType, tmp_path: Path) -> None:
    store = fill(tmp_path / "store", {"w16": 4, "w24": 4, "w40": 2}, same_members=False)
    members.study_of(store, tmp_path / "members", 64)
    study = members.Study.read(tmp_path / "members")
    assert study.sizes == ["w16", "w24"]
    gains = study.tables["gains"]
    assert len(gains) == 2 * 2 * 3 * (2 + 1)  # metrics, systems, members after the first, sizes and their mean
    means = gains[(gains["size"] == "mean") & (gains.policy == "ensemble") & (gains.metric == "risk@80")]
    second, third, fourth = means.sort_values("members").difference
    assert second > third > fourth > 0
    assert second > 1
    assert (gains[gains.members == 4].seeds == 0).all()
    assert (gains[gains.members < 4].seeds == 4).all()
    np.testing.assert_allclose(gains[gains.policy == "ensemble"].extra, 1)
    assert gains[gains.policy == "window"].extra.between(0, 1).all()
    assert (gains.simultaneous_upper - gains.simultaneous_lower > gains.upper - gains.lower).mean() > 0.9

    page = members.places(tmp_path / "sweeps")
    assert page["which"].startswith("The store has four members of w16 and w24")
    assert "two of w40" in page["which"]
    members.draw_figure(study, tmp_path / "figures" / "members.png")
    assert (tmp_path / "figures" / "members.png").stat().st_size > 10_000


def test_equal_members_bring_nothing(members: ModuleType, tmp_path: Path) -> None:
    members.study_of(fill(tmp_path / "store", {"w16": 4}, same_members=True), tmp_path / "members", 64)
    study = members.Study.read(tmp_path / "members")
    ensembles = study.gains(policy="ensemble")
    np.testing.assert_allclose(ensembles.difference, 0, atol=1e-9)
    assert ensembles.simultaneous_lower.isna().all()
    page = members.places(tmp_path / "sweeps")
    assert page["larger"] == "With one size, there are no larger networks to compare with."
    assert page["cov5_ensemble_3_all"] == "no size"


def test_widths_per_stage_are_chosen_on_validation_within_the_budget(members: ModuleType, tmp_path: Path) -> None:
    store = fill(tmp_path / "store", {"w16": 4}, same_members=False)
    pool, _ = members.read_pool(store, "cifar10", "cifar_resnet", ["w16"], range(4), [VAL, TEST], [])
    networks = members.Networks(pool, 64)
    for one in members.widths_of("w16", networks):
        lineups = members.orders(one.about["members"], members.STAGED_ORDERS)
        widths = read_width(one.about["chosen"])
        budget = (one.about["budget"],) * (one.about["members"] - 1)
        task = members.Task.parse(members.STAGED)
        chosen, limit = (
            networks.on_validation(lineups, members.Window(task, given), members.STAGED) for given in (widths, budget)
        )
        assert chosen[0] <= limit[0]
        assert chosen[1] >= limit[1]
        if widths == budget:
            assert one.value == pytest.approx(0, abs=1e-9)


def test_seed_noise_and_many_comparisons_widen_the_intervals(members: ModuleType) -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(10, 4000))

    def table(left_out: list[float]) -> pd.DataFrame:
        return members.table_of([members.Difference({}, 0.0, drawn, left_out) for drawn in draws])

    alone, with_seeds = table([np.nan] * 4), table([-0.3, 0.1, 0.2, 0.0])
    np.testing.assert_allclose(alone.upper, 1.96, atol=0.15)
    np.testing.assert_allclose(alone.simultaneous_upper, 2.8, atol=0.15)  # the normal quantile of 1 - 0.05 / (2 * 10)
    s_j = np.sqrt(3 / 4 * np.square([-0.3, 0.1, 0.2, 0.0]).sum())
    np.testing.assert_allclose(with_seeds.upper, np.hypot(3.182 * s_j, 1.96), rtol=0.05)
    ratio = with_seeds.simultaneous_upper / alone.simultaneous_upper
    np.testing.assert_allclose(ratio, np.hypot(3.182 * s_j, 1.96) / 1.96, rtol=0.05)


def test_a_store_without_four_members_is_refused(members: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no size with 4 members"):
        members.study_of(fill(tmp_path / "store", {"w16": 2}, same_members=False), tmp_path / "members", 64)
