"""What networks say about samples: from the store where some sweep has computed it before, else from their logits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from wee.method import Prefix
from wee.method.prefixes import JUDGED, SCORING
from wee.store.derived import Arrays, Derived
from wee.sweep.config import ENSEMBLE_SCORES, SCORES, ScoringConfig
from wee.sweep.pool import Network, Pool

Set = tuple[int, ...]

_JUDGED, _TEMPERATURE = "judged", "temperature"


@dataclass(frozen=True)
class Scorer:
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

    def prefixes(
        self,
        pool: Pool,
        split: str,
        sets: Collection[Set],
        scores: Sequence[str],
        temperatures: Sequence[float] | None = None,
    ) -> dict[Set, Prefix]:
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
        count = len(pool.samples[split].labels)
        found = self._find(pool, split, sets, scores, temperatures)
        missing = _missing(found, sets, scores)
        if not missing:
            self.done(count)
            return _join(found, sets, scores)
        if self.kept is None:
            return self._compute(pool, split, missing, temperatures)
        everything = {"networks": [_source(network, split) for network in pool.networks]}
        with self.kept.turn(f"{pool.dataset}/{split}", everything):
            found = self._find(pool, split, sets, scores, temperatures)
            missing = _missing(found, sets, scores)
            for members, prefix in self._compute(pool, split, missing, temperatures).items():
                for part in missing[members]:
                    arrays = _part(prefix, part)
                    found[members, part] = arrays
                    identity = self._identity(pool, split, members, part, temperatures)
                    if identity is not None:
                        self.kept.put(f"{pool.dataset}/{split}", identity, arrays)
        return _join(found, sets, scores)

    def temperatures(self, pool: Pool) -> list[float]:
        """The temperature of each of a pool's networks, fitted on the validation set."""
        return [self._temperature(pool, place) for place in range(len(pool.networks))]

    def _temperature(self, pool: Pool, place: int) -> float:
        identity = self._identity(pool, "val", (place,), _TEMPERATURE, None)
        arrays = None
        if self.kept is not None and identity is not None:
            arrays = self.kept.get(f"{pool.dataset}/val", identity)
        if arrays is None:
            from wee.method import fit_temperature

            network = pool.networks[place]
            if "val" in network.entries:
                network.entries["val"].verify("logits")
            arrays = {"temperature": np.array(fit_temperature(network.logits["val"], pool.samples["val"].labels))}
            if self.kept is not None and identity is not None:
                self.kept.put(f"{pool.dataset}/val", identity, arrays)
        return float(arrays["temperature"])

    def _find(
        self, pool: Pool, split: str, sets: Collection[Set], scores: Sequence[str], temperatures: Sequence[float] | None
    ) -> dict[tuple[Set, str], Arrays]:
        found = {}
        for members in sets if self.kept is not None else ():
            for part in (_JUDGED, *scores):
                identity = self._identity(pool, split, members, part, temperatures)
                if identity is not None and self.kept is not None:
                    arrays = self.kept.get(f"{pool.dataset}/{split}", identity)
                    if arrays is not None:
                        found[members, part] = arrays
        return found

    def _compute(
        self, pool: Pool, split: str, missing: Mapping[Set, list[str]], temperatures: Sequence[float] | None
    ) -> dict[Set, Prefix]:
        """In one pass over the logits; these are verified first."""
        if not missing:
            return {}
        from wee.method import summarise

        needed = sorted({place for members in missing for place in members})
        threads = self.config.count
        with ThreadPoolExecutor(threads) as workers:
            # The exits of a network have one entry.
            entries = {id(e): e for e in (pool.networks[place].entries.get(split) for place in needed) if e is not None}
            list(workers.map(lambda entry: entry.verify("logits"), entries.values()))
        scores = list(dict.fromkeys(part for parts in missing.values() for part in parts if part != _JUDGED))
        logits = [network.logits[split] for network in pool.networks]
        return summarise(
            logits,
            pool.samples[split].labels,
            list(missing),
            scores,
            temperatures,
            self.rounding,
            threads,
            self.config.device,
            self.done,
        )

    def _identity(
        self, pool: Pool, split: str, members: Set, part: str, temperatures: Sequence[float] | None
    ) -> dict[str, Any] | None:
        """What fixes one part of what a set of networks says; None where that is not known, and it must not be kept.

        A user's own score is a function that may change at any time: nobody knows when two results of it are the same.
        """
        sources = [_source(pool.networks[place], split) for place in members]
        if None in sources or part not in (*SCORES, *ENSEMBLE_SCORES, _JUDGED, _TEMPERATURE):
            return None
        scaled = None if temperatures is None else [temperatures[place] for place in members]
        return {
            "part": part,
            "networks": sources,
            "temperatures": scaled,
            "rounding": self.rounding,
            "scoring": SCORING,
        }


def _missing(
    found: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]
) -> dict[Set, list[str]]:
    lacking = {members: [part for part in (_JUDGED, *scores) if (members, part) not in found] for members in sets}
    return {members: parts for members, parts in lacking.items() if parts}


def _join(found: Mapping[tuple[Set, str], Arrays], sets: Collection[Set], scores: Sequence[str]) -> dict[Set, Prefix]:
    def prefix(members: Set) -> Prefix:
        values = {score: found[members, score]["score"] for score in scores}
        return Prefix(values, **found[members, _JUDGED])

    return {members: prefix(members) for members in sets}


def _part(prefix: Prefix, part: str) -> Arrays:
    if part == _JUDGED:
        return {field: getattr(prefix, field) for field in JUDGED}
    return {"score": prefix.scores[part]}


def _source(network: Network, split: str) -> list[Any] | None:
    entry = network.entries.get(split)
    return None if entry is None else [str(entry.address), entry.key, entry.checksum, network.exit]
