"""Summaries of networks on samples: read from the store if an earlier sweep kept them, otherwise computed from logits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from wee.data.splits import VAL, SplitName
from wee.errors import WeeError
from wee.identity import key_of
from wee.method import Summary
from wee.method.arrays import Ints
from wee.method.scores import SCORES
from wee.method.summaries import JUDGED, SCORING
from wee.store.derived import Arrays, Derived
from wee.sweep.config import ScoringConfig
from wee.sweep.pool import Candidate, Pool

Set = tuple[int, ...]
"""A set of networks, as indices into a pool's networks."""

_JUDGED, _TEMPERATURE = "judged", "temperature"


@dataclass(frozen=True)
class SummaryCache:
    """Computes the summaries of sets of networks, and keeps them.

    Attributes:
        config: how logits are scored.
        kept: where computed arrays are kept; None to keep nothing.
        rounding: "float16" or "bfloat16", to which logits are rounded before they are scored; None to score them as stored.
        done: called with the number of samples of every finished chunk.
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
        """Return the summaries of sets of a pool's networks on a split.

        Args:
            pool: the pool.
            split: the split.
            sets: the sets of networks, as indices into the pool's networks.
            scores: names of the scores to compute.
            temperatures: the temperature that each network's logits are divided by; None for no scaling.

        Returns:
            The summary of each set, with the scores.

        Raises:
            WeeError: logits are damaged, or a score does not exist.
        """
        job = _Job(pool, split, temperatures, self.rounding)
        parts = self._find(job, sets, scores)
        missing = _missing(parts, sets, scores)
        if missing and self.kept is None:
            return self._compute(job, missing)
        identity = {"networks": [_source(network, split) for network in pool.networks]}
        if not missing and self.kept is not None:
            self.kept.end_turn(job.name, identity)
        if missing and self.kept is not None:
            with self.kept.turn(job.name, identity):  # another sweep may have computed them while this one waited
                parts = self._find(job, sets, scores)
                missing = _missing(parts, sets, scores)
                for members, summary in self._compute(job, missing).items():
                    for part in missing[members]:
                        parts[members, part] = _part(summary, part)
                        self._keep(job, members, part, parts[members, part], self.config.device.partition(":")[0])
        if not missing:
            self.done(len(pool.samples[split].labels))
        return _join(parts, sets, scores)

    def temperatures(self, pool: Pool, samples: Ints | None = None) -> list[float]:
        """Return the temperature of each of a pool's networks, fitted on the validation set.

        Args:
            pool: the pool.
            samples: the places of the validation samples that temperatures are fitted on; None for all.
        """
        job = _Job(pool, VAL, None, self.rounding, samples)
        return [self._temperature(job, place) for place in range(len(pool.networks))]

    def _temperature(self, job: _Job, place: int) -> float:
        arrays = self._get(job, (place,), _TEMPERATURE, ["cpu"])
        if arrays is None:
            from wee.method import fit_temperature

            network = job.pool.networks[place]
            if job.split in network.entries:
                network.entries[job.split].verify("logits")
            logits, labels = network.logits[job.split], job.pool.samples[job.split].labels
            if job.samples is not None:
                logits, labels = logits[job.samples], labels[job.samples]
            arrays = {"temperature": np.array(fit_temperature(logits, labels, self.rounding))}
            self._keep(job, (place,), _TEMPERATURE, arrays, "cpu")
        return float(arrays["temperature"])

    def _find(self, job: _Job, sets: Collection[Set], scores: Sequence[str]) -> dict[tuple[Set, str], Arrays]:
        parts = {}
        for members in sets:
            for part in (_JUDGED, *scores):
                arrays = self._get(job, members, part, self.config.kinds)
                if arrays is not None:
                    parts[members, part] = arrays
        return parts

    def _get(self, job: _Job, members: Set, part: str, devices: Sequence[str]) -> Arrays | None:
        for device in devices:
            identity = job.identity(members, part, device)
            arrays = (
                None if self.kept is None or identity is None else self.kept.get(job.name, identity, _arrays_of(part))
            )
            if arrays is not None:
                return arrays
        return None

    def _keep(self, job: _Job, members: Set, part: str, arrays: Arrays, device: str) -> None:
        identity = job.identity(members, part, device)
        if self.kept is not None and identity is not None:
            self.kept.put(job.name, identity, arrays)

    def _compute(self, job: _Job, missing: Mapping[Set, list[str]]) -> dict[Set, Summary]:
        """Verify the logits, and compute the missing summaries in one pass over them."""
        if not missing:
            return {}
        from wee.method.logits import summarise

        needed = sorted({place for members in missing for place in members})
        sources = (job.pool.networks[place].entries.get(job.split) for place in needed)
        entries = {
            entry.folder: entry for entry in sources if entry is not None
        }  # the exits of a member share an entry
        with ThreadPoolExecutor(self.config.count) as workers:
            list(workers.map(lambda entry: entry.verify("logits"), entries.values()))
        scores = list(dict.fromkeys(part for parts in missing.values() for part in parts if part != _JUDGED))
        logits = [network.logits[job.split] for network in job.pool.networks]
        labels = job.pool.samples[job.split].labels
        options = (job.temperatures, self.rounding, self.config.count, self.config.device, self.done)
        try:
            return summarise(logits, labels, list(missing), scores, *options)
        except WeeError as error:
            raise WeeError(f"{job.name} of {job.pool.family}/{job.pool.scale}: {error}") from error.__cause__


@dataclass(frozen=True)
class _Job:
    """The logits to score: those of a pool's networks on a split, scaled by temperatures and rounded if requested.

    `samples` are the places of the samples that are used; None for all.
    """

    pool: Pool
    split: SplitName
    temperatures: Sequence[float] | None
    rounding: str | None
    samples: Ints | None = None

    @property
    def name(self) -> str:
        """The name under which computed arrays are kept."""
        return f"{self.pool.dataset}/{self.split}"

    def identity(self, members: Set, part: str, device: str) -> dict[str, Any] | None:
        """Return what determines one part of the summary of a set; None if an entry is not known and nothing can be kept.

        The identity of a user-defined score includes its source code, so that a changed score is computed again.
        """
        sources = [_source(self.pool.networks[place], self.split) for place in members]
        if None in sources:
            return None
        scaled = None if self.temperatures is None else [self.temperatures[place] for place in members]
        options = {"temperatures": scaled, "rounding": self.rounding, "device": device, "scoring": SCORING}
        code = None if part in (_JUDGED, _TEMPERATURE) else SCORES.source(part)
        identity = {"part": part, "networks": sources, **options, **({} if code is None else {"code": code})}
        return identity if self.samples is None else {**identity, "samples": key_of({"places": self.samples.tolist()})}


def _missing(
    parts: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]
) -> dict[Set, list[str]]:
    missing = {members: [part for part in (_JUDGED, *scores) if (members, part) not in parts] for members in sets}
    return {members: names for members, names in missing.items() if names}


def _join(parts: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]) -> dict[Set, Summary]:
    def summary(members: Set) -> Summary:
        values = {score: parts[members, score]["score"] for score in scores}
        return Summary(values, **parts[members, _JUDGED])

    return {members: summary(members) for members in sets}


def _arrays_of(part: str) -> Sequence[str]:
    """Return the names of the arrays that are kept of a part; see `_part`."""
    return JUDGED if part == _JUDGED else (_TEMPERATURE,) if part == _TEMPERATURE else ("score",)


def _part(summary: Summary, part: str) -> Arrays:
    if part == _JUDGED:
        return {field: getattr(summary, field) for field in JUDGED}
    return {"score": summary.scores[part]}


def _source(network: Candidate, split: SplitName) -> list[Any] | None:
    entry = network.entries.get(split)
    return None if entry is None else [str(entry.address), entry.key, entry.checksum, network.exit]
