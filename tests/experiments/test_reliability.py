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
def improvements(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that measures improvements."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("improvements")


@pytest.fixture
def reliability(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the page."""
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
    improvements: ModuleType, reliability: ModuleType, advantage: float
) -> None:
    single = {size: measured(improvements, price, curve(price)) for size, price in SIZES.items()}
    prices = {size: 1.3 * price for size, price in SIZES.items()}
    cascades = {size: measured(improvements, price, curve(price) - advantage) for size, price in prices.items()}
    *compared, largest = improvements.improvements("fog-3", single, {"window": cascades})
    assert [one.size for one in compared] == list(SIZES)[:-1]
    assert (largest.size, largest.scaling, largest.advantage) == (
        "w80",
        None,
        None,
    )  # it costs more than any single model
    assert largest.own.value == pytest.approx(5 * np.log2(1.3) + advantage)
    for one in compared:
        assert one.kind == "fog"
        assert one.times == pytest.approx(1.3)
        assert one.scaling.value == pytest.approx(5 * np.log2(1.3))
        assert one.own.value == pytest.approx(5 * np.log2(1.3) + advantage)
        assert one.advantage.value == pytest.approx(advantage)
        np.testing.assert_allclose(one.advantage.draws, advantage, atol=1e-9)
    said = reliability.Said.of("shift", "window", "all", compared).effects
    assert said["advantage"].value == pytest.approx(advantage)
    assert (said["advantage"].lower, said["advantage"].upper) == pytest.approx((advantage, advantage))
    assert said["scaling"].positive == 1
    assert said["oftener"].value == (-1 if advantage == -1.5 and 5 * np.log2(1.3) < 1.5 else 0)
    higher, *_ = improvements.improvements("fog-3", single, {"window": cascades}, lower_is_better=False)
    assert higher.advantage.value == pytest.approx(-advantage)


def test_a_system_between_two_sizes_is_compared_along_the_logarithm_of_macs(improvements: ModuleType) -> None:
    single = {"w16": measured(improvements, 1e6, 30.0), "w24": measured(improvements, 4e6, 20.0)}
    (one,) = improvements.improvements("photos32", single, {"ensemble": {"w16": measured(improvements, 2e6, 24.0)}})
    assert [effect.value for effect in (one.own, one.scaling, one.advantage)] == pytest.approx([6.0, 5.0, 1.0])
    assert one.kind == "photos32"


def test_left_out_members_are_left_out_on_both_sides(improvements: ModuleType) -> None:
    """A member that is worse at every size by the same amount changes no difference."""
    left = {0: (1e6, 31.0), 1: (1e6, 29.0)}
    single = {"w16": measured(improvements, 1e6, 30.0, left_out=left)}
    single["w24"] = measured(improvements, 4e6, 20.0, left_out={0: (4e6, 21.0), 1: (4e6, 19.0)})
    cascade = measured(improvements, 2e6, 24.0, left_out={0: (2e6, 25.0), 1: (2e6, 23.0)})
    (one,) = improvements.improvements("fog-3", single, {"window": {"w16": cascade}})
    assert one.own.left_out == pytest.approx({0: 6.0, 1: 6.0})
    assert one.scaling.left_out == pytest.approx({0: 5.0, 1: 5.0})
    assert one.advantage.left_out == pytest.approx({0: 1.0, 1: 1.0})


def made(kinds: int, members: int, seed: int, seed_noise: float = 0.0) -> list[tuple[str, Any]]:
    """Effects on three severities of each kind, with a true median of 1: effects of kinds and members, and noise.

    Returns:
        The kind of each effect, and its value, draws, and values without each member.
    """
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, 1, kinds)
    of_member = rng.normal(0, seed_noise, members)
    noise = rng.normal(0, 0.2, RESAMPLES)
    found = []
    for kind in range(kinds):
        for _ in range(3):
            advantage = 1 + effects[kind] + of_member.mean() + rng.normal(0, 0.2)
            left_out = {m: advantage + (np.delete(of_member, m).mean() - of_member.mean()) for m in range(members)}
            found.append((f"kind{kind}", (advantage, advantage + noise, left_out)))
    return found


def over_sets(module: ModuleType, found: list[tuple[str, Any]], apart: bool = False) -> Any:
    """The summary of made-up effects; `apart`: with each set as a kind of its own."""
    kinds = [f"{place}" if apart else kind for place, (kind, _) in enumerate(found)]
    return module.OverSets.of([module.Effect(*parts) for _, parts in found], kinds)


def test_intervals_resample_kinds_and_not_severities(reliability: ModuleType) -> None:
    """The severities of a kind agree: taken as independent sets, the intervals would be far too narrow."""
    covered, widths = [], []
    for seed in range(60):
        found = made(12, 2, seed)
        said = over_sets(reliability, found), over_sets(reliability, found, apart=True)
        covered.append([one.lower <= 1 <= one.upper for one in said])
        widths.append([one.upper - one.lower for one in said])
    by_kind, by_set = np.mean(covered, axis=0)
    assert by_kind >= 0.88
    assert by_set < by_kind
    assert np.mean(widths, axis=0)[0] > 1.25 * np.mean(widths, axis=0)[1]
    assert over_sets(reliability, found).seeds == 0


def test_seed_noise_is_in_the_interval_from_three_members_on(reliability: ModuleType) -> None:
    quiet = over_sets(reliability, made(12, 4, 0))
    noisy = over_sets(reliability, made(12, 4, 0, seed_noise=3.0))
    assert (quiet.seeds, noisy.seeds) == (4, 4)
    assert noisy.upper - noisy.lower > 2 * (quiet.upper - quiet.lower)
    assert noisy.wider > 2
    assert over_sets(reliability, made(12, 2, 0, seed_noise=3.0)).seeds == 0


def fill(root: Path, members: int, same_members: bool, growing: bool, complete: int = 5) -> LogitStore:
    """A store of all sizes: members that make independent mistakes, or the same ones; sizes that grow better, or do not.

    The first sizes are complete, and the others have neither shifted nor OOD sets.
    """
    store = LogitStore(root)
    splits = [VAL, TEST, SplitName.ood("digits32")]
    splits += [SplitName.shifted(f"corrupted-{kind}-{severity}") for kind in ("fog", "contrast") for severity in (1, 3)]
    for place, (size, macs) in enumerate(SIZES.items()):
        for member in range(members):
            for number, split in enumerate(splits if place < complete else [VAL, TEST]):
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


def measure(improvements: ModuleType, store: LogitStore) -> tuple[Any, dict[str, list[Any]]]:
    """What the store has, and the improvements on it."""
    scope = improvements.Scope.of(store)
    return scope, {
        data: improvements.study(store, scope.sizes, scope.members, sets, 64) for data, sets in scope.sets.items()
    }


def test_members_that_agree_improve_nothing(improvements: ModuleType, reliability: ModuleType, tmp_path: Path) -> None:
    """An ensemble of equal members is its single model, so that larger single models are better at the same MACs."""
    scope, results = measure(improvements, fill(tmp_path / "store", 2, same_members=True, growing=True))
    assert (scope.members, scope.sizes, scope.lacking) == ([0, 1], list(SIZES), [])
    assert {kind: len(sets) for kind, sets in scope.sets.items()} == {"shift": 4, "ood": 1}
    found = results["shift"]
    assert {one.set for one in found} == {
        f"corrupted-{kind}-{severity}" for kind in ("fog", "contrast") for severity in (1, 3)
    }
    ensembles = [one for one in found if one.system == "ensemble"]
    assert all(one.own.value == pytest.approx(0, abs=1e-9) for one in ensembles)
    assert sum(one.scaling is not None for one in ensembles) == 4 * 4
    reliability.write(results, scope, 64, tmp_path / "sweeps" / "reliability-cifar10-cifar_resnet")
    study = reliability.Reliability.read(tmp_path / "sweeps")
    said = study.get("shift", "ensemble", "all")
    assert said.kinds == 2
    assert said.scaling_positive > 0.8
    assert said.advantage_positive < 0.2
    assert said.advantage_simultaneous_upper < 0
    assert study.verdict("shift", "ensemble", "advantage") == "worse"
    places = reliability.places(tmp_path / "sweeps")
    assert "the reverse for ensembles on shifted sets" in places["advantage"]
    assert places["seeds"] == "do not contain seed noise"


def test_members_that_err_independently_improve_more_than_macs_that_do_nothing(
    improvements: ModuleType, reliability: ModuleType, tmp_path: Path
) -> None:
    _, results = measure(improvements, fill(tmp_path / "store", 3, same_members=False, growing=False))
    table = reliability.summaries(results)
    for _, said in table[table.group == "all"].iterrows():
        assert said.seeds == 3
        if said["data"] == "shift":
            assert said.advantage_positive > 0.9
            assert said.own > 2
            assert abs(said.scaling) < 2
            assert said.advantage_simultaneous_lower < said.advantage_lower
    reliability.draw(results, tmp_path / "figures" / "reliability.png")
    assert (tmp_path / "figures" / "reliability.png").stat().st_size > 10_000


def test_only_sizes_with_every_set_take_part(improvements: ModuleType, reliability: ModuleType, tmp_path: Path) -> None:
    """The page says which sizes these are, and a store with one such size is refused."""
    scope, results = measure(improvements, fill(tmp_path / "store", 2, False, growing=True, complete=2))
    assert (scope.sizes, scope.lacking) == (["w16", "w24"], ["w40", "w56", "w80"])
    reliability.write(results, scope, 64, tmp_path / "sweeps" / "reliability-cifar10-cifar_resnet")
    places = reliability.places(tmp_path / "sweeps")
    assert places["lacking"].startswith("w40, w56 and w80 lack")
    assert (places["sizes"], places["size_count"]) == ("w16 and w24", "2")
    store = fill(tmp_path / "other", 2, False, growing=True, complete=1)
    with pytest.raises(SystemExit, match="at w16, of 2 members; the comparison needs two sizes"):
        improvements.Scope.of(store)
