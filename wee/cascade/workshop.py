"""Where a cascade is made: the validation set in its parts, the search, and what becomes of the chosen setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wee.cascade.calibrate import Calibrated, calibrate, certified, expected, parts
from wee.cascade.card import write_card
from wee.cascade.config import CascadePlan
from wee.cascade.description import CascadeDescription, Expectation, StageDescription, checksum
from wee.cascade.named import NamedSetting
from wee.cascade.search import Choice, Material, Network, Places, search, value_of
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.files import commit_folder, replace_folder, staged
from wee.method import Rule, Stages, Summary
from wee.method.arrays import Floats, Ints
from wee.method.metrics import Task
from wee.sweep.cache import SummaryCache

if TYPE_CHECKING:
    from wee.members.origins import Origin
    from wee.sweep.pool import Pool


class Workshop:
    """Makes a cascade of the networks of a pool.

    Args:
        plan: how the cascade is to be made.
        pool: the networks, with their logits on the validation, the test and all shifted test sets.
        cache: gives the summaries of networks.
        done: called with the number of settings that have been evaluated since the last call.
        named: the setting of a sweep that the cascade is made of; None to search for one.
    """

    def __init__(
        self,
        plan: CascadePlan,
        pool: Pool,
        cache: SummaryCache,
        done: Callable[[int], None] = lambda number: None,
        named: NamedSetting | None = None,
    ) -> None:
        self._plan, self._pool, self._cache, self._done, self._named = plan, pool, cache, done, named
        self.task, self.score = Task.parse(plan.task), plan.score
        self._summaries: dict[tuple[SplitName, Places], Summary] = {}
        self.parts = parts(pool.samples[VAL].groups, plan.guarantee, plan.seed)

    @property
    def _keeps(self) -> NamedSetting | None:
        """The named setting whose saved rule is used as it is; None if a rule is fitted here."""
        return None if self._plan.guarantee.count else self._named

    @property
    def _replaces(self) -> bool:
        return self._pool.multi_exit or self._plan.replaces

    @cached_property
    def _temperatures(self) -> list[float] | None:
        """The temperature of each network, fitted on the tuning samples, or those that are saved with a setting."""
        if not self._plan.temperature:
            return None
        if self._keeps is not None:
            saved = {
                (stage.family, stage.scale, stage.member, stage.exit): stage.temperature
                for stage in self._keeps.saved.lineup
            }
            return [saved.get((one.family, one.scale, one.member, one.exit)) or 1.0 for one in self._pool.networks]
        return self._cache.temperatures(self._pool, self.parts.tuning)

    def _summary(self, split: SplitName, members: Places) -> Summary:
        """The summary of a set of networks on all samples of a split."""
        if (split, members) not in self._summaries:
            computed = self._cache.summaries(self._pool, split, [members], [self.score], self._temperatures)
            self._summaries[split, members] = computed[members]
        return self._summaries[split, members]

    def stages(self, lineup: Places, split: SplitName, samples: Ints | None = None) -> Stages:
        """The stages of a lineup on a split, or on some of its samples."""
        every = np.arange(len(self._pool.samples[split].ids)) if samples is None else samples
        return self._material(split, every).stages(lineup)

    def _material(self, split: SplitName, samples: Ints) -> Material:
        networks = [
            Network(network.cost, (network.family, network.scale, network.member)) for network in self._pool.networks
        ]
        taken: dict[Places, Summary] = {}

        def summary(members: Places) -> Summary:
            if members not in taken:
                taken[members] = self._summary(split, members).take(samples)
            return taken[members]

        return Material(
            networks, self._pool.multi_exit, self._replaces, summary, self._pool.samples[split].ids[samples]
        )

    def front(self) -> list[Choice]:
        """The non-dominated settings on the tuning samples; see `wee.cascade.search.search`."""
        return search(self._material(VAL, self.parts.tuning), self.task, self.score, self._plan.sizes, self._done)

    def named(self) -> Choice:
        """The setting of a sweep that the plan names: with its saved rule, or fitted again if there are guarantees."""
        assert self._named is not None
        places = {(one.family, one.scale, one.member, one.exit): k for k, one in enumerate(self._pool.networks)}
        lineup = tuple(
            places[stage.family, stage.scale, stage.member, stage.exit] for stage in self._named.saved.lineup
        )
        tuning = self.stages(lineup, VAL, self.parts.tuning)
        refits = self._keeps is None and self._named.refits
        rule = self._named.policy.fit(tuning) if refits else self._named.rule
        outcome = tuning.at(rule(tuning))
        return Choice(lineup, rule, outcome.mean_cost, value_of(outcome, self.task, self.score))

    def calibrated(self, choice: Choice) -> Calibrated:
        """The rule and the acceptance threshold of a setting, and what is certified."""
        tuning = self.stages(choice.lineup, VAL, self.parts.tuning)
        certification = (
            self.stages(choice.lineup, VAL, self.parts.certification) if self._plan.guarantee.count else tuning
        )
        calibrated = calibrate(tuning, certification, choice.rule, self.score, self.task, self._plan.guarantee)
        saved = None if self._keeps is None else self._keeps.acceptance(self.task, self.score)
        return calibrated if saved is None else replace(calibrated, threshold=saved)

    def describe(
        self,
        choice: Choice,
        origins: Mapping[tuple[str, int], Origin],
        classes: Sequence[str],
        identity: Mapping[str, Any],
    ) -> CascadeDescription:
        """The description of the calibrated cascade, without the checksums of its weights.

        Members without an origin are known by their logits alone, and have no weights.
        """
        plan, calibrated = self._plan, self.calibrated(choice)
        certification = len(self.parts.certification)

        def numbers(split: SplitName, samples: Ints | None = None) -> Expectation:
            stages = self.stages(choice.lineup, split, samples)
            groups = self._pool.samples[split].groups if samples is None else self._pool.samples[split].groups[samples]
            intervals = (plan.bootstrap.resamples, plan.bootstrap.level, plan.bootstrap.seed)
            outcome = stages.at(calibrated.rule(stages))
            return expected(outcome, self.score, calibrated.threshold, groups, *intervals)

        tuned = self.stages(choice.lineup, VAL, self.parts.tuning)
        outcome = tuned.at(calibrated.rule(tuned))
        if self._named is not None:
            how: dict[str, Any] = self._named.to_dict()
        else:
            how = {"budget": dict(plan.budget)} if plan.budget else {"target": plan.target}
        return CascadeDescription(
            dataset=self._pool.dataset,
            classes=classes,
            task=str(self.task),
            score=self.score,
            combine="replace" if self._replaces else "average",
            stages=[self._stage(place, origins) for place in choice.lineup],
            summing_order=choice.lineup,
            rule=calibrated.rule,
            acceptance=calibrated.threshold,
            chosen={
                **how,
                "cost": self._pool.cost,
                "value": value_of(outcome, self.task, self.score),
                "average_cost": outcome.mean_cost,
            },
            tuning=numbers(VAL, self.parts.tuning),
            calibrated_on={
                **identity,
                "wee": version("wee"),
                "split_seed": plan.seed,
                "tuning_samples": len(self.parts.tuning),
                "tuning_groups": self.parts.groups,
                "certification_samples": certification,
            },
            expected={str(split): numbers(split) for split in self._pool.samples if split != VAL},
            certified=certified(calibrated, plan.guarantee, certification),
            resizes_bytes=all(origin.dataset.resizes_bytes for origin in origins.values()),
        )

    def _stage(self, place: int, origins: Mapping[tuple[str, int], Origin]) -> StageDescription:
        network = self._pool.networks[place]
        origin = origins.get((network.scale, network.member))
        temperatures = self._temperatures
        return StageDescription(
            family=network.family,
            scale=network.scale,
            member=network.member,
            exit=network.exit,
            weights="" if origin is None else f"{network.scale}-{network.member}.safetensors",
            sha256="",
            architecture={} if origin is None else origin.architecture.identity(),
            transform={} if origin is None else origin.transform.describe(),
            channels=0 if origin is None else origin.dataset.channels,
            temperature=None if temperatures is None else temperatures[place],
            costs={self._pool.cost: network.cost},
        )

    def save(
        self,
        description: CascadeDescription,
        origins: Mapping[tuple[str, int], Origin],
        folder: Path,
        overwrite: bool,
        curves: Mapping[str, tuple[Floats, Floats]],
    ) -> CascadeDescription:
        """Write the weights, the description and its card into a folder, which appears in one step.

        Returns:
            The description with the checksums of the weights.
        """
        from wee.members.checkpoints import write_weights

        stages = []
        with staged(folder) as temporary:
            for stage in description.stages:
                if not stage.weights:
                    stages.append(stage)
                    continue
                file = temporary / stage.weights
                if not file.exists():
                    module = origins[stage.scale, stage.member].network().module
                    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
                    write_weights(state, file)
                stages.append(replace(stage, sha256=checksum(file)))
            complete = replace(description, stages=stages)
            complete.save(temporary)
            write_card(temporary, complete, curves)
            if not (replace_folder if overwrite else commit_folder)(temporary, folder):
                raise WeeError(f"{folder} was made by another process meanwhile; choose another name=NAME")
        return complete

    def curves(self, lineup: Places, rule: Rule) -> dict[str, tuple[Floats, Floats]]:
        """Coverage and risk on the test set, both in [0, 1], of the cascade, its first stage and the full ensemble."""
        stages = self.stages(lineup, TEST)
        exits = {"cascade": rule(stages), "first stage": np.zeros(len(stages.ids), np.int64)}
        exits["all stages"] = np.full(len(stages.ids), len(stages) - 1)
        curves = {}
        for name, places in exits.items():
            ranked = stages.at(places).ranked(self.score)
            accepted = np.arange(1, len(ranked) + 1)
            curves[name] = accepted / len(ranked), np.cumsum(ranked.wrong) / accepted
        return curves
