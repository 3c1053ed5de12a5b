"""What networks say about samples: from the store where some sweep has computed it before, else from their logits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from wee.data.splits import VAL, SplitName
from wee.errors import WeeError
from wee.method import Summary
from wee.method.scores import SCORES
from wee.method.summaries import JUDGED, SCORING
from wee.store.derived import Arrays, Derived
from wee.sweep.config import ScoringConfig
from wee.sweep.pool import Candidate, Pool

Set = tuple[int, ...]

_JUDGED, _TEMPERATURE = "judged", "temperature"


@dataclass(frozen=True)
class SummaryCache:
    """Computes what sets of networks say, and keeps it.

    Attributes:
        config: how.
        kept: where; None for nowhere.
        rounding: score logits as if they had been stored so; None for as they are.
        done: called with the number of samples of every chunk that is finished.
    """

    config: ScoringConfig
    kept: Derived | None = None
    rounding: str | None = None
    done: Callable[[int], None] = lambda samples: None

    def summaries(
        self,
        pool: Pool,
        split: SplitName,
        sets: Collection[Set],
        scores: Sequence[str],
        temperatures: Sequence[float] | None = None,
    ) -> dict[Set, Summary]:
        """What sets of a pool's networks say about a split.

        Args:
            pool: the networks.
            split: the samples.
            sets: places in the pool.
            scores: names of the confidences wanted.
            temperatures: what to divide each network's logits by; None for nothing.

        Raises:
            WeeError: logits are damaged, or a score does not exist.
        """
        job = _Job(pool, split, temperatures, self.rounding)
        found = self._find(job, sets, scores)
        missing = _missing(found, sets, scores)
        if missing and self.kept is None:
            return self._compute(job, missing)
        if missing and self.kept is not None:
            everything = {"networks": [_source(network, split) for network in pool.networks]}
            with self.kept.turn(job.name, everything):  # another sweep may have done it meanwhile
                found = self._find(job, sets, scores)
                missing = _missing(found, sets, scores)
                for members, summary in self._compute(job, missing).items():
                    for part in missing[members]:
                        found[members, part] = _part(summary, part)
                        self._keep(job, members, part, found[members, part], self.config.device.partition(":")[0])
        if not missing:
            self.done(len(pool.samples[split].labels))
        return _join(found, sets, scores)

    def temperatures(self, pool: Pool) -> list[float]:
        """The temperature of each of a pool's networks, fitted on the validation set."""
        return [self._temperature(_Job(pool, VAL, None, self.rounding), place) for place in range(len(pool.networks))]

    def _temperature(self, job: _Job, place: int) -> float:
        arrays = self._get(job, (place,), _TEMPERATURE, ["cpu"])
        if arrays is None:
            from wee.method import fit_temperature

            network = job.pool.networks[place]
            if job.split in network.entries:
                network.entries[job.split].verify("logits")
            labels = job.pool.samples[job.split].labels
            arrays = {"temperature": np.array(fit_temperature(network.logits[job.split], labels, self.rounding))}
            self._keep(job, (place,), _TEMPERATURE, arrays, "cpu")
        return float(arrays["temperature"])

    def _find(self, job: _Job, sets: Collection[Set], scores: Sequence[str]) -> dict[tuple[Set, str], Arrays]:
        found = {}
        for members in sets:
            for part in (_JUDGED, *scores):
                arrays = self._get(job, members, part, self.config.kinds)
                if arrays is not None:
                    found[members, part] = arrays
        return found

    def _get(self, job: _Job, members: Set, part: str, devices: Sequence[str]) -> Arrays | None:
        for device in devices:
            identity = job.identity(members, part, device)
            arrays = None if self.kept is None or identity is None else self.kept.get(job.name, identity)
            if arrays is not None:
                return arrays
        return None

    def _keep(self, job: _Job, members: Set, part: str, arrays: Arrays, device: str) -> None:
        identity = job.identity(members, part, device)
        if self.kept is not None and identity is not None:
            self.kept.put(job.name, identity, arrays)

    def _compute(self, job: _Job, missing: Mapping[Set, list[str]]) -> dict[Set, Summary]:
        """In one pass over the logits; these are verified first."""
        if not missing:
            return {}
        from wee.method.logits import summarise

        needed = sorted({place for members in missing for place in members})
        found = (job.pool.networks[place].entries.get(job.split) for place in needed)
        entries = {entry.folder: entry for entry in found if entry is not None}  # the exits of a network have one entry
        with ThreadPoolExecutor(self.config.count) as workers:
            list(workers.map(lambda entry: entry.verify("logits"), entries.values()))
        scores = list(dict.fromkeys(part for parts in missing.values() for part in parts if part != _JUDGED))
        logits = [network.logits[job.split] for network in job.pool.networks]
        labels = job.pool.samples[job.split].labels
        how = (job.temperatures, self.rounding, self.config.count, self.config.device, self.done)
        try:
            return summarise(logits, labels, list(missing), scores, *how)
        except WeeError as error:
            raise WeeError(f"{job.name} of {job.pool.family}/{job.pool.scale}: {error}") from None


@dataclass(frozen=True)
class _Job:
    """What is scored: a pool's networks on a split, their logits scaled and rounded or as they are."""

    pool: Pool
    split: SplitName
    temperatures: Sequence[float] | None
    rounding: str | None

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return f"{self.pool.dataset}/{self.split}"

    def identity(self, members: Set, part: str, device: str) -> dict[str, Any] | None:
        """What fixes one part of what a set of candidates says; None if an entry is not known, and nothing can be kept.

        A score of the user's own is keyed by its source too, so that it is computed again when that has changed.
        """
        sources = [_source(self.pool.networks[place], self.split) for place in members]
        if None in sources:
            return None
        scaled = None if self.temperatures is None else [self.temperatures[place] for place in members]
        how = {"temperatures": scaled, "rounding": self.rounding, "device": device, "scoring": SCORING}
        code = None if part in (_JUDGED, _TEMPERATURE) else SCORES.source(part)
        return {"part": part, "networks": sources, **how, **({} if code is None else {"code": code})}


def _missing(
    found: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]
) -> dict[Set, list[str]]:
    lacking = {members: [part for part in (_JUDGED, *scores) if (members, part) not in found] for members in sets}
    return {members: parts for members, parts in lacking.items() if parts}


def _join(found: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]) -> dict[Set, Summary]:
    def prefix(members: Set) -> Summary:
        values = {score: found[members, score]["score"] for score in scores}
        return Summary(values, **found[members, _JUDGED])

    return {members: prefix(members) for members in sets}


def _part(summary: Summary, part: str) -> Arrays:
    if part == _JUDGED:
        return {field: getattr(summary, field) for field in JUDGED}
    return {"score": summary.scores[part]}


def _source(network: Candidate, split: SplitName) -> list[Any] | None:
    entry = network.entries.get(split)
    return None if entry is None else [str(entry.address), entry.key, entry.checksum, network.exit]
