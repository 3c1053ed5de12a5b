"""Which samples of a sweep go how far: the saved rules, applied to the logits in the store once more.

A live measurement sends on as many samples as the sweep did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wee.data.splits import TEST
from wee.errors import WeeError, unknown
from wee.method import Stages, Window
from wee.method.arrays import Floats, Ints
from wee.method.metrics.certified import CERTIFIED
from wee.method.policies import BASELINES, Role, Width
from wee.method.scores import DEFAULT_SCORE
from wee.store import LogitStore
from wee.sweep.cache import SummaryCache
from wee.sweep.cells import write_width
from wee.sweep.config import ScoringConfig
from wee.sweep.pool import Pool, read_pool
from wee.sweep.results import TABLE, is_sweep, read_about, read_rules, read_table
from wee.sweep.rows import NAMES
from wee.sweep.rules import SavedRule
from wee.sweep.times import SETTING_KEYS, keyed


@dataclass(frozen=True)
class Selection:
    """The settings of a sweep that are chosen.

    Attributes:
        policies: names of policies.
        tasks: tasks of policies that are set for a task; empty for the first one in the sweep.
        widths: widths of windows.
        fractions: quantiles of single thresholds, or probabilities of random exits.
        scores: the scores that decide exits.
        sizes: numbers of networks; empty for all.
    """

    policies: Sequence[str] = (*BASELINES, Window.name)
    tasks: Sequence[str] = ()
    widths: Sequence[Width | tuple[Width, ...]] = (0.2,)
    fractions: Sequence[float] = (0.2,)
    scores: Sequence[str] = (DEFAULT_SCORE,)
    sizes: Sequence[int] = ()

    def takes(self, setting: Mapping[str, Any], tasks: Sequence[str]) -> bool:
        """Return whether a setting is chosen.

        Args:
            setting: the columns that name the setting.
            tasks: the chosen tasks.
        """
        widths = [write_width(width) for width in self.widths]
        chosen: Mapping[str, Sequence[Any]] = {
            "policy": self.policies, "task": tasks, "width": widths, "fraction": self.fractions, "score": self.scores,
        }  # fmt: skip
        fits = all(setting[column] is None or setting[column] in values for column, values in chosen.items())
        return fits and (not self.sizes or setting["size"] in (1, *self.sizes))


@dataclass(frozen=True)
class Replayed:
    """A setting of a sweep, for all lineups of networks that differ only in the choice and the order of members.

    Attributes:
        sweep: name of the sweep.
        key: key of the sweep.
        columns: the columns of the table that name the setting; see `wee.sweep.times.SETTING_KEYS`.
        rules: the saved rules, one for each lineup.
        reaching: the share of ID test samples that reaches each stage, averaged over the lineups [stages].
    """

    sweep: str
    key: str
    columns: Mapping[str, Any]
    rules: Sequence[SavedRule]
    reaching: Floats = field(repr=False)


def read_settings(path: Path, store: LogitStore, selection: Selection) -> list[Replayed]:
    """Read the chosen settings of a sweep, with the shares of samples that reach each stage.

    Args:
        path: the folder of the sweep, or the table in it.
        store: the store whose logits the sweep has read.
        selection: which settings.

    Raises:
        WeeError: it is no sweep, it has no saved rules or none of the chosen settings, or the store has other logits now.
    """
    folder = path.parent if path.name == TABLE else path
    if not is_sweep(folder):
        raise WeeError(f"{path} is no folder of a sweep: the fitted rules and the settings are there; name the sweep")
    about = read_about(folder)
    rules = read_rules(folder)
    tasks = [str(rule.setting["task"]) for rule in rules if rule.setting["task"] is not None]
    for task in selection.tasks:
        if task not in tasks:
            raise unknown("task in this sweep", task, list(dict.fromkeys(tasks)), of=str(folder))
    chosen = [rule for rule in rules if selection.takes(rule.setting, selection.tasks or tasks[:1])]
    for policy in selection.policies:
        if not any(rule.setting["policy"] == policy for rule in chosen):
            raise WeeError(_nothing(folder, policy, rules, selection))
    groups: dict[tuple[Any, ...], list[SavedRule]] = {}
    for rule in chosen:
        groups.setdefault(tuple(rule.setting[name] for name in SETTING_KEYS), []).append(rule)
    prices = _prices(folder)
    logits = _Logits(store, about)
    settings = []
    for key, group in groups.items():
        shares = []
        for rule in group:
            reaching, price = _reaching(rule, logits)
            _check_price(rule, price, prices, folder, store)
            shares.append(reaching)
        columns = dict(zip(SETTING_KEYS, key, strict=True))
        settings.append(Replayed(str(about["name"]), folder.name, columns, group, np.mean(shares, axis=0)))
    return settings


def exits_of_rule(saved: SavedRule, pool: Pool, cache: SummaryCache) -> tuple[Ints, Stages]:
    """Return the stage at which each ID test sample leaves a cascade [N], counted from 0, and the stages.

    Args:
        saved: the saved rule of the cascade.
        pool: a pool that contains its networks, with their logits on the test set.
        cache: computes the summaries of networks.

    Raises:
        WeeError: the rule was not saved.
    """
    if saved.rule is None:
        raise WeeError(f"the rule of {saved.setting['policy']} was not saved: {saved.not_saved}")
    place_of = {(net.family, net.scale, net.member, net.exit): k for k, net in enumerate(pool.networks)}
    places = [place_of[member.family, member.scale, member.member, member.exit] for member in saved.lineup]
    replaces = saved.combine == "replace"
    sets = [(place,) if replaces else tuple(sorted(places[: k + 1])) for k, place in enumerate(places)]
    temperatures = None
    if saved.lineup[0].temperature is not None:
        temperatures = [1.0] * len(pool.networks)
        for place, member in zip(places, saved.lineup, strict=True):
            temperatures[place] = float(member.temperature or 1)
    score = saved.setting["score"] or DEFAULT_SCORE
    summaries = cache.summaries(pool, TEST, sets, [score], temperatures)
    costs = [pool.networks[place].cost for place in places]
    cost = costs if pool.multi_exit else np.cumsum(costs).tolist()
    samples = pool.samples[TEST]
    stages = Stages([summaries[members] for members in sets], cost, samples.ids, samples.labels)
    return saved.rule(stages), stages


class _Logits:
    """The logits that a sweep has read.

    Args:
        store: the store.
        about: the description of the sweep.
    """

    def __init__(self, store: LogitStore, about: Mapping[str, Any]) -> None:
        self._store, self._about = store, about
        self._keys = [str(key) for _, key, _ in about["entries"]]
        self._pools: dict[tuple[Any, ...], Pool] = {}
        self.cache = SummaryCache(ScoringConfig(accelerator="cpu"))

    def pool(self, saved: SavedRule) -> Pool:
        """Return the networks of a lineup.

        Raises:
            WeeError: the store lacks their logits, or has others.
        """
        dataset = str(saved.setting["dataset"])
        scales = tuple(dict.fromkeys(f"{member.family}/{member.scale}" for member in saved.lineup))
        members = tuple(sorted({member.member for member in saved.lineup}))
        if (scales, members) not in self._pools:
            cost = self._about["cost"]
            names = (dataset, saved.lineup[0].family, scales, members, [TEST], self._keys)
            pool, missing = read_pool(self._store, *names, cost=cost["measure"], conditions=cost["conditions"])
            if pool is None or any(entry.key not in self._keys for entry in pool.entries):
                what = "has other logits" if pool is not None else f"has no {missing[0]}"
                raise WeeError(
                    f"{self._store.root} {what} than the sweep {self._about['name']} has read: give the store of that sweep "
                    "with paths.store=FOLDER, or sweep again"
                )
            self._pools[scales, members] = pool
        return self._pools[scales, members]


def _reaching(saved: SavedRule, logits: _Logits) -> tuple[Floats, float | None]:
    """Return the share of samples that reaches each network [networks], and the average cost if it was computed."""
    count = len(saved.lineup)
    if saved.role is not Role.CASCADE:
        return np.ones(count), None
    exits, stages = exits_of_rule(saved, logits.pool(saved), logits.cache)
    return np.array([(exits >= stage).mean() for stage in range(count)]), stages.at(exits).mean_cost


_NAMED = [name for name in NAMES if name != "cascades"]
"""The columns that name a setting of one lineup."""


def _prices(folder: Path) -> dict[tuple[Any, ...], float]:
    """Return the average cost of each setting of each lineup on the ID test set, as in the table of a sweep."""
    table = read_table(folder)
    rows = table[(table.split == str(TEST)) & table.ood.isna()]
    # Certified systems are fitted again, and have costs of their own.
    rows = rows[~rows.metric.str.partition("@")[0].isin([kind.name for kind in CERTIFIED])]
    rows = keyed(rows.drop_duplicates([*_NAMED, "price_id"]), _NAMED)
    return dict(zip(zip(*(rows[name] for name in _NAMED), strict=True), rows.price_id, strict=True))


def _check_price(
    saved: SavedRule, price: float | None, prices: Mapping[tuple[Any, ...], float], folder: Path, store: LogitStore
) -> None:
    """Check that an average cost is that in the table of the sweep.

    Raises:
        WeeError: it is not.
    """
    if price is None:
        return
    swept = prices.get(tuple("" if saved.setting[name] is None else saved.setting[name] for name in _NAMED))
    if swept is None or not np.isclose(swept, price, rtol=1e-9):
        there = "nothing" if swept is None else f"{swept:.6g}"
        raise WeeError(
            f"the logits in {store.root} do not give the numbers of {folder / TABLE}: {saved.setting['policy']} of "
            f"{saved.setting['scale']} costs {price:.6g} on average, and there {there}; sweep again"
        )


def _nothing(folder: Path, policy: str, rules: Sequence[SavedRule], selection: Selection) -> str:
    """Return the message for a policy of which no setting is chosen."""
    others = [rule.setting for rule in rules if rule.setting["policy"] == policy]
    if not others:
        have = ", ".join(dict.fromkeys(str(rule.setting["policy"]) for rule in rules))
        return f"{folder} has no setting of policy {policy}; choose settings.policies from {have}"
    values = []
    for column in ("task", "width", "fraction", "score", "size"):
        found = list(dict.fromkeys(str(other[column]) for other in others if other[column] is not None))
        values += [f"{column} {', '.join(found)}"] if found else []
    return (
        f"{folder} has no such setting of policy {policy}; it has {'; '.join(values)}: choose with settings.KEY=VALUE"
    )
