"""Guarantees from finite samples: bounds of a risk, and thresholds that keep it with a given probability.

A guarantee says: with probability at least 1 - delta over the draw of the certification samples, the true risk is at most r.
It rests on one assumption: certification samples and future data are independent draws from one distribution. Dependent
samples (several draws of one image) count once per group, see `one_of_each_group`. Nothing holds on shifted data.

What is tested must be fixed before the certification samples are looked at: the system, the candidates for a threshold and
their order come from other samples (`split_groups`).

Sources: Clopper and Pearson, Biometrika 1934 (binomial bounds); Angelopoulos et al., Learn then Test, Annals of Applied
Statistics 2025 (fixed sequences of tests); Geifman and El-Yaniv, NeurIPS 2017 (selective classification with a guaranteed
risk); Bentkus, Annals of Probability 2004 (tails of sums of bounded variables).

scipy.special is imported where it is used, because that takes a quarter of a second; scipy.stats would take a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints
from wee.method.bootstrap import group_numbers

CANDIDATES = 200
"""The number of quantiles of which `threshold_candidates` are made."""


def upper_bound(losses: int, count: int, delta: float) -> float:
    """The upper confidence limit of a risk (Clopper and Pearson): with probability 1 - delta the true risk is at most this.

    Args:
        losses: the number of losses among independent samples.
        count: the number of samples.
        delta: the probability of error, in (0, 1).

    Returns:
        The limit, in [0, 1]; 1 if every sample is a loss, or there is none.

    Raises:
        WeeError: there are more losses than samples, or delta is out of range.

    Example:
        >>> upper_bound(0, 59, 0.05) < 0.05 < upper_bound(0, 58, 0.05)
        True
    """
    from scipy.special import betaincinv

    _check(losses, count, delta)
    return 1.0 if losses == count else float(betaincinv(losses + 1, count - losses, 1 - delta))


def lower_bound(losses: int, count: int, delta: float) -> float:
    """The lower confidence limit of a risk: with probability 1 - delta the true risk is at least this; see `upper_bound`."""
    from scipy.special import betaincinv

    _check(losses, count, delta)
    return 0.0 if losses == 0 else float(betaincinv(losses, count - losses + 1, delta))


def mean_interval(mean: float, count: int, delta: float) -> tuple[float, float]:
    """An interval of the expected value of independent variables between 0 and 1, such as the shares in groups of samples.

    The tails of the sum of such variables are at most e times those of a binomial variable with the same mean (Bentkus). So the
    limits of Clopper and Pearson for the rounded sum hold, each at the level delta / (2 e). For zeros and ones alone they
    would hold at delta / 2; the interval is then a little wider than necessary.

    Args:
        mean: the mean of the variables, in [0, 1].
        count: the number of variables.
        delta: the probability that the interval misses the expected value, in (0, 1).

    Returns:
        The limits, in [0, 1]; 0 and 1 if there are no variables.

    Example:
        >>> lower, upper = mean_interval(0.5, 100, 0.05)
        >>> round(lower, 2), round(upper, 2)
        (0.38, 0.62)
    """
    total, level = mean * count, delta / (2 * math.e)
    at_least, at_most = math.floor(total + 1e-9), math.ceil(total - 1e-9)
    return lower_bound(at_least, count, level), upper_bound(at_most, count, level)


def p_values(losses: Ints, counts: Ints, risk: float) -> Floats:
    """p-values of the hypothesis "the true risk is greater than `risk`".

    Args:
        losses: the numbers of losses [candidates].
        counts: the numbers of samples [candidates].
        risk: the risk that is not to be exceeded, in (0, 1).

    Returns:
        P(Binomial(count, risk) <= losses) for each candidate; 1 without samples.
    """
    values: Floats = np.where(counts > 0, _binomial_cdf(losses, counts, risk), 1.0)
    return values


def _binomial_cdf(successes: Ints, counts: Ints, probability: float) -> Floats:
    """Return P(Binomial(count, probability) <= successes) for each pair of numbers, with 0 <= successes <= count."""
    from scipy.special import betaincc

    others = counts - successes
    values: Floats = np.where(others > 0, betaincc(successes + 1, np.maximum(others, 1), probability), 1.0)
    return values


def least_count(losses: int, count: int, risk: float, delta: float) -> int | None:
    """The least number of samples at which the observed rate of losses would pass the test.

    Args:
        losses: the observed number of losses.
        count: the observed number of samples.
        risk: the risk that is not to be exceeded.
        delta: the level of the test.

    Returns:
        The least n with P(Binomial(n, risk) <= k) <= delta, where k is the rate times n, rounded up; None if the rate is
        `risk` or more.
    """
    rate = losses / count if count else 1.0
    if rate >= risk:
        return None
    if losses == 0:
        return int(np.ceil(np.log(delta) / np.log1p(-risk) - 1e-9))
    # k losses stand for up to k / rate samples: the first k that passes there has the least number of samples.
    first, block = 1, 1024
    while True:
        ks = np.arange(first, first + block)
        most = np.floor(ks / rate + 1e-9).astype(np.int64)
        passes = _binomial_cdf(ks, most, risk) <= delta
        if passes.any():
            break
        first, block = first + block, 2 * block
    k, high = int(ks[passes][0]), int(most[passes][0])
    low = k  # with as many losses as samples nothing passes
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _binomial_cdf(np.array(k), np.array(middle), risk) <= delta else (middle, high)
    return high


def fixed_sequence(values: Sequence[float] | Floats, delta: float, starts: int = 1) -> list[int]:
    """Test hypotheses in an order that was fixed beforehand.

    From each start on, hypotheses are rejected until the first whose p-value exceeds the start's level, delta / starts. Start
    i lies at position round(i L / starts) of a sequence of length L. The probability that any true hypothesis is rejected is
    at most delta, without a further correction for the number of hypotheses.

    Args:
        values: the p-values in the order of the tests [L].
        delta: the probability of error, in (0, 1).
        starts: the number of starts.

    Returns:
        The positions of the rejected hypotheses, ascending: what they deny is certified.

    Raises:
        WeeError: delta is out of range, or there are fewer positions than starts.

    Example:
        >>> fixed_sequence([0.001, 0.003, 0.01, 0.02, 0.2, 0.6], delta=0.1)
        [0, 1, 2, 3]
    """
    _check_delta(delta)
    length = len(values)
    if not 1 <= starts <= max(length, 1):
        raise WeeError(f"there are {starts} starts for {length} tests; give 1 to {max(length, 1)}")
    rejected: set[int] = set()
    for start in range(starts):
        for position in range(round(start * length / starts), length):
            if not values[position] <= delta / starts:
                break
            rejected.add(position)
    return sorted(rejected)


@dataclass(frozen=True)
class Evidence:
    """What samples say about one guarantee at each candidate for the acceptance threshold, from strict to lax.

    Attributes:
        losses: the numbers of losses [candidates].
        counts: the numbers of samples that the risk is a share of [candidates].
        limit: the risk that is not to be exceeded, in (0, 1).
    """

    losses: Ints
    counts: Ints
    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise WeeError(f"a guaranteed risk is a share between 0 and 1, and {self.limit:g} is not")

    @property
    def p_values(self) -> Floats:
        """The p-value at each candidate [candidates]; see `p_values`."""
        return p_values(self.losses, self.counts, self.limit)

    def laxest(self, delta: float) -> int | None:
        """Return the position of the laxest candidate whose upper bound is at most the limit; None if there is none.

        It certifies nothing, because the candidate is chosen by the samples that bound its risk.

        Args:
            delta: the probability of error of each bound.
        """
        _check_delta(delta)
        passing = np.flatnonzero(self.p_values <= delta)
        return int(passing[-1]) if len(passing) else None


def accepted_errors(scores: Floats, wrong: Bools, candidates: Floats, risk: float) -> Evidence:
    """The evidence for "the risk of accepted samples is at most `risk`"; a sample is accepted if its score is at least t.

    Args:
        scores: the final confidences of independent samples [N].
        wrong: whether each prediction is an error [N].
        candidates: the thresholds t, from strict to lax [candidates].
        risk: the risk that is not to be exceeded.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.searchsorted(-scores[order], -candidates, side="right")
    errors = np.concatenate([[0], np.cumsum(wrong[order], dtype=np.int64)])
    return Evidence(errors[counts], counts.astype(np.int64), risk)


def disagreements(
    scores: Floats,
    labels: Ints,
    full_scores: Floats,
    full_labels: Ints,
    full_threshold: float,
    candidates: Floats,
    limit: float,
) -> Evidence:
    """The evidence for "the decision differs from the full ensemble's in a share of at most `limit`" of all samples.

    A decision is to reject, or to accept with a label. The full ensemble decides at a threshold of its own.

    Args:
        scores, labels: final confidences and predicted labels of the cascade [N].
        full_scores, full_labels: those of the full ensemble [N].
        full_threshold: the acceptance threshold of the full ensemble, fixed beforehand.
        candidates: the thresholds of the cascade, from strict to lax [candidates].
        limit: the share that is not to be exceeded.
    """
    full_accepts = full_scores >= full_threshold
    # If the cascade accepts, it disagrees unless the ensemble accepts the same label; if it rejects, it disagrees if the
    # ensemble accepts.
    if_accepted = ~(full_accepts & (labels == full_labels))
    order = np.argsort(-scores, kind="stable")
    counts = np.searchsorted(-scores[order], -candidates, side="right")
    accepted = np.concatenate([[0], np.cumsum(if_accepted[order], dtype=np.int64)])
    rejected = int(full_accepts.sum()) - np.concatenate([[0], np.cumsum(full_accepts[order], dtype=np.int64)])
    losses = (accepted + rejected)[counts]
    return Evidence(losses, np.full(len(candidates), len(scores), np.int64), limit)


def threshold_candidates(scores: Floats, count: int = CANDIDATES) -> Floats:
    """Candidates for an acceptance threshold: quantiles of the final confidences on the tuning samples, from strict to lax.

    Args:
        scores: the confidences [N].
        count: the number of quantiles; equal ones are one candidate.
    """
    quantiles = np.quantile(scores, np.linspace(1, 0, count), method="lower")
    return np.unique(quantiles)[::-1]


@dataclass(frozen=True)
class Certificate:
    """The outcome of a path of tests.

    Attributes:
        index: the position of the certified candidate; None if nothing is certified.
        start: the position of the first candidate that was tested.
        tested: how many candidates were tested.
        p_values: the p-value of each guarantee at the certified candidate, or at the first one if nothing is certified.
        bounds: the upper confidence limits of their risks there.
        losses, counts: the numbers of losses and samples there.
        enough: if nothing is certified, the number of samples at which the observed rate of losses of each guarantee would
            pass; None where it never would.
        delta: the level at which each guarantee was tested.
    """

    index: int | None
    start: int
    tested: int
    p_values: tuple[float, ...]
    bounds: tuple[float, ...]
    losses: tuple[int, ...]
    counts: tuple[int, ...]
    enough: tuple[int | None, ...]
    delta: float

    def threshold(self, candidates: Floats) -> float:
        """Return the certified one of the candidates [candidates]; infinity if nothing is certified."""
        return float("inf") if self.index is None else float(candidates[self.index])


def certify(tuning: Sequence[Evidence], certification: Sequence[Evidence], delta: float) -> Certificate:
    """Find the laxest acceptance threshold for which all guarantees hold together, with probability at least 1 - delta.

    The path begins at the candidate whose p-value on the tuning samples is least (the laxest of equals; of several guarantees
    the largest p-value counts), and goes on to the next laxer candidate until a test fails on the certification samples. Each
    of G guarantees is tested at the level delta / G.

    Assumption: the candidates and everything that decides about the certification samples were fixed without them, and they
    are independent draws from the distribution of the data to come.

    Args:
        tuning: the evidence of the tuning samples, one for each guarantee, for the same candidates.
        certification: that of the certification samples.
        delta: the probability of error, in (0, 1).

    Raises:
        WeeError: delta is out of range, or there is no guarantee or no candidate.
    """
    _check_delta(delta)
    if not tuning or len(tuning) != len(certification) or not len(tuning[0].losses):
        raise WeeError("nothing can be certified without a guarantee and a candidate for the threshold")
    level = delta / len(tuning)
    on_tuning = np.max([evidence.p_values for evidence in tuning], axis=0)
    start = len(on_tuning) - 1 - int(np.argmin(on_tuning[::-1]))
    values = np.array([evidence.p_values for evidence in certification])
    fails: Bools = np.any(values[:, start:] > level, axis=0)
    passed = int(np.argmax(fails)) if fails.any() else len(fails)
    place = start + max(passed - 1, 0)
    losses = tuple(int(evidence.losses[place]) for evidence in certification)
    counts = tuple(int(evidence.counts[place]) for evidence in certification)
    numbers = list(zip(losses, counts, certification, strict=True))
    return Certificate(
        index=place if passed else None,
        start=start,
        tested=min(passed + 1, len(fails)),
        p_values=tuple(float(value) for value in values[:, place]),
        bounds=tuple(upper_bound(k, n, level) for k, n, _ in numbers),
        losses=losses,
        counts=counts,
        enough=() if passed else tuple(least_count(k, n, evidence.limit, level) for k, n, evidence in numbers),
        delta=level,
    )


def cost_bound(stages: Ints, added: Sequence[float], delta: float) -> float:
    """An upper confidence limit of the average cost of a cascade: c_1 + sum over m of c_m U_m.

    U_m is the limit of the share that reaches stage m; the M - 1 limits share delta.

    Args:
        stages: the stage at which each of N independent samples leaves, counted from 0 [N].
        added: the cost that each stage adds [M].
        delta: the probability of error, in (0, 1).
    """
    _check_delta(delta)
    later = len(added) - 1
    shares = [upper_bound(int((stages >= stage).sum()), len(stages), delta / later) for stage in range(1, len(added))]
    return float(added[0] + sum(cost * share for cost, share in zip(added[1:], shares, strict=True)))


def split_groups(groups: NDArray[Any], seed: int, share: float = 0.5) -> Bools:
    """Split samples by group into a tuning and a certification part.

    Args:
        groups: the group of each sample [N]; samples of one group stay together.
        seed: of the draw.
        share: the share of the groups in the certification part, in (0, 1).

    Returns:
        Whether each sample is in the certification part [N].

    Raises:
        WeeError: one of the parts would be empty.
    """
    numbers = group_numbers(groups)
    total = int(numbers.max()) + 1 if len(numbers) else 0
    chosen = round(share * total)
    if not 0 < chosen < total:
        raise WeeError(f"{total} independent samples cannot be split into a tuning and a certification part")
    certifies = np.zeros(total, dtype=np.bool_)
    certifies[np.random.default_rng([seed, 0]).permutation(total)[:chosen]] = True
    part: Bools = certifies[numbers]
    return part


def one_of_each_group(groups: NDArray[Any], seed: int) -> Ints:
    """Draw one sample of each group, so that the samples drawn are independent.

    A guarantee on them is about a random sample of a random group.

    Args:
        groups: the group of each sample [N].
        seed: of the draw.

    Returns:
        The places of the drawn samples, ascending [groups].
    """
    order = np.random.default_rng([seed, 1]).permutation(len(groups))
    _, first = np.unique(np.asarray(groups)[order], return_index=True)
    places: Ints = np.sort(order[first])
    return places


@dataclass(frozen=True)
class Parts:
    """The parts of a validation set, as places of samples.

    Attributes:
        tuning: the tuning samples.
        certification: independent certification samples, one of each group; empty if nothing is to be certified.
        groups: the number of groups of dependent samples in the tuning part.
    """

    tuning: Ints
    certification: Ints
    groups: int


def split_parts(groups: NDArray[Any], seed: int, share: float = 0.5) -> Parts:
    """Split a validation set by group, and draw one sample of each group of the certification part.

    Args:
        groups: the group of each sample [N].
        seed: seed of the split and of the draw.
        share: the share of the groups in the certification part, in (0, 1).

    Raises:
        WeeError: one of the parts would be empty.
    """
    certifies = split_groups(groups, seed, share)
    tuning, others = np.flatnonzero(~certifies), np.flatnonzero(certifies)
    certification = others[one_of_each_group(groups[others], seed)]
    return Parts(tuning, certification, len(np.unique(groups[tuning])))


def _check(losses: int, count: int, delta: float) -> None:
    _check_delta(delta)
    if not 0 <= losses <= count:
        raise WeeError(f"there are {losses} losses among {count} samples; losses are samples")


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise WeeError(
            f"delta is {delta:g}: it is the probability that a guarantee fails, greater than 0 and less than 1"
        )
