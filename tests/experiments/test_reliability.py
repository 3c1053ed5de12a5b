"""The study of reliability, on made-up systems and stores whose answer is known."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from wee.data.splits import TEST, VAL, SplitName
from wee.store import Address, LogitStore

CIFAR10 = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"
SIZES = {"w16": 1e6, "w24": 2e6, "w40": 4e6, "w56": 8e6, "w80": 16e6}
RESAMPLES = 200


@pytest.fixture
def reliability(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the study."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("reliability")


def curve(price: float) -> float:
    """The value of a single model: linear in the logarithm of its price, and lower is better."""
    return 40 - 5 * np.log2(price / 1e6)


def measured(module: ModuleType, price: float, value: float, noise: Any = 0.0, left_out: Any = None) -> Any:
    draws = np.broadcast_to(np.asarray(value + noise, dtype=np.float64), (RESAMPLES,))
    return module.Measured(price, value, draws, left_out or {})


@pytest.mark.parametrize("advantage", [-1.5, 0.0, 2.0])
def test_the_improvement_beside_that_of_single_models_at_the_same_macs(
    reliability: ModuleType, advantage: float
) -> None:
    single = {size: measured(reliability, price, curve(price)) for size, price in SIZES.items()}
    prices = {size: 1.3 * price for size, price in SIZES.items()}
    cascades = {size: measured(reliability, price, curve(price) - advantage) for size, price in prices.items()}
    found = reliability.improvements("fog-3", single, {"window": cascades})
    assert [one.size for one in found] == list(SIZES)[:-1]  # the largest cascade costs more than any single model
    for one in found:
        assert one.kind == "fog"
        assert one.scaling == pytest.approx(5 * np.log2(1.3))
        assert one.own == pytest.approx(5 * np.log2(1.3) + advantage)
        assert one.advantage == pytest.approx(advantage)
        np.testing.assert_allclose(one.draws, advantage, atol=1e-9)
    said = reliability.claim(found)
    assert said.medians[2] == pytest.approx(advantage)
    assert (said.lower, said.upper) == pytest.approx((advantage, advantage))
    assert said.scaling == 1
    higher = reliability.improvements("fog-3", single, {"window": cascades}, lower_is_better=False)
    assert [one.advantage for one in higher] == pytest.approx([-advantage] * 4)


def test_a_system_between_two_sizes_is_compared_along_the_logarithm_of_macs(reliability: ModuleType) -> None:
    single = {"w16": measured(reliability, 1e6, 30.0), "w24": measured(reliability, 4e6, 20.0)}
    (one,) = reliability.improvements("photos32", single, {"ensemble": {"w16": measured(reliability, 2e6, 24.0)}})
    assert (one.own, one.scaling, one.advantage) == pytest.approx((6.0, 5.0, 1.0))
    assert one.kind == "photos32"


def made(module: ModuleType, kinds: int, members: int, seed: int, seed_noise: float = 0.0) -> list[Any]:
    """Improvements on three severities of each kind, with a true median of 1: effects of kinds and members, and noise."""
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, 1, kinds)
    of_member = rng.normal(0, seed_noise, members)
    noise = rng.normal(0, 0.2, RESAMPLES)
    found = []
    for kind in range(kinds):
        for severity in (1, 3, 5):
            advantage = 1 + effects[kind] + of_member.mean() + rng.normal(0, 0.2)
            left_out = {m: advantage + (np.delete(of_member, m).mean() - of_member.mean()) for m in range(members)}
            name, draws = f"kind{kind}-{severity}", advantage + noise
            found.append(module.Improvement(name, f"kind{kind}", "w16", "window", advantage, 0.0, draws, left_out))
    return found


def test_intervals_resample_kinds_and_not_severities(reliability: ModuleType) -> None:
    """The severities of a kind agree: taken as independent sets, the intervals would be far too narrow."""
    covered, widths = [], []
    for seed in range(60):
        found = made(reliability, 12, 2, seed)
        apart = [replaced(one, kind=one.set) for one in found]
        claims = reliability.claim(found), reliability.claim(apart)
        covered.append([said.lower <= 1 <= said.upper for said in claims])
        widths.append([said.upper - said.lower for said in claims])
    by_kind, by_set = np.mean(covered, axis=0)
    assert by_kind >= 0.88
    assert by_set < by_kind
    assert np.mean(widths, axis=0)[0] > 1.25 * np.mean(widths, axis=0)[1]
    assert reliability.claim(found).seeds == 0
    assert reliability.claim(found).kinds == 12


def test_seed_noise_is_in_the_interval_from_three_members_on(reliability: ModuleType) -> None:
    quiet = reliability.claim(made(reliability, 12, 4, 0))
    noisy = reliability.claim(made(reliability, 12, 4, 0, seed_noise=3.0))
    assert (quiet.seeds, noisy.seeds) == (4, 4)
    assert noisy.upper - noisy.lower > 2 * (quiet.upper - quiet.lower)
    assert reliability.claim(made(reliability, 12, 2, 0, seed_noise=3.0)).seeds == 0


def replaced(one: Any, **changes: Any) -> Any:
    """The same improvement with other values."""
    return type(one)(**{**vars(one), **changes})


def fill(root: Path, members: int, same_members: bool, growing: bool) -> LogitStore:
    """A store of all sizes: members that make independent mistakes, or the same ones; sizes that grow better, or do not."""
    store = LogitStore(root)
    splits = [VAL, TEST, SplitName.ood("digits32")]
    splits += [SplitName.shifted(f"corrupted-{kind}-{severity}") for kind in ("fog", "contrast") for severity in (1, 3)]
    for place, (size, macs) in enumerate(SIZES.items()):
        for member in range(members):
            for number, split in enumerate(splits):
                labels = np.random.default_rng(number).integers(10, size=300)
                rng = np.random.default_rng(
                    [number, place if growing else 0, 0 if same_members else 1 + member + 10 * place]
                )
                strength = (2.0 + (0.35 * place if growing else 0)) * (0.2 if split.kind == "ood" else 1.0)
                logits = strength * np.eye(10)[labels] + rng.normal(size=(300, 10))
                ids = np.array([f"{split.kind}-{k}" for k in range(300)], dtype=np.bytes_)
                given = np.full(300, -1) if split.kind == "ood" else labels
                address = Address("cifar10", "cifar_resnet", size, member, split)
                identity = {"weights": f"{size}-{member}", "samples": str(split)}
                with store.writer(address, identity, given, ids, ids) as writer:
                    writer.add(np.arange(300), logits.astype(np.float32), given)
                    writer.commit({"macs": [macs]}, {"command": "wee evaluate"})
    return store


def test_members_that_agree_improve_nothing(reliability: ModuleType, tmp_path: Path) -> None:
    """An ensemble of equal members is its single model, so that larger single models are better at the same MACs."""
    store = fill(tmp_path, 2, same_members=True, growing=True)
    members, by_kind = reliability.available(store)
    assert members == [0, 1]
    assert {kind: len(sets) for kind, sets in by_kind.items()} == {"shift": 4, "ood": 1}
    found = reliability.study(store, by_kind["shift"], members, 64)
    assert {one.set for one in found} == {
        f"corrupted-{kind}-{severity}" for kind in ("fog", "contrast") for severity in (1, 3)
    }
    ensembles = [one for one in found if one.system == "ensemble"]
    assert len(ensembles) == 4 * 4
    assert all(one.own == pytest.approx(0, abs=1e-9) for one in ensembles)
    said = reliability.claim(ensembles)
    assert said.kinds == 2
    assert said.scaling > 0.8
    assert said.advantage < 0.2
    assert said.upper < 0


def test_members_that_err_independently_improve_more_than_macs_that_do_nothing(
    reliability: ModuleType, tmp_path: Path
) -> None:
    store = fill(tmp_path, 3, same_members=False, growing=False)
    members, by_kind = reliability.available(store)
    results = {kind: reliability.study(store, sets, members, 64) for kind, sets in by_kind.items()}
    for kind, found in results.items():
        for system in ("ensemble", "window"):
            said = reliability.claim([one for one in found if one.system == system])
            assert said.seeds == 3
            if kind == "shift":
                assert said.advantage > 0.9
                assert said.medians[0] > 2
                assert abs(said.medians[1]) < 2
    lines: list[str] = []
    reliability.report(results, members, lines.append)
    assert "shifted sets, risk@80" in "".join(lines)
    assert "OOD sets, fpr@95" in "".join(lines)
    reliability.draw(results, tmp_path / "figures" / "reliability.png")
    assert (tmp_path / "figures" / "reliability.png").stat().st_size > 10_000
