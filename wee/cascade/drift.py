"""Tells when a cascade runs on data that are not like those it was certified on, without their labels. Imports no torch.

A guarantee is about data from the distribution of the certification samples. What can be seen without labels are the share of
samples that a cascade accepts and the shares that reach each stage. They are compared with the same shares of the test set,
which stands for the certification samples because nothing was chosen on it.

Two shares differ if their intervals have no number in common. The level `LEVEL` is divided equally between the shares, and
between the two intervals of a comparison. So if both sets of samples are independent draws from one distribution, the
probability that any share differs is at most `LEVEL`, for any numbers of samples. Of dependent samples, a group counts as
one: the test set has as many as it has groups, and the new samples are taken to depend on each other to the same extent, so
that n of them count as n * groups / samples, rounded down, unless they are known to be independent. This is exact for groups
of equal size.

Where labels are known, the risk of what is accepted is compared with the certified limit in the same way.

Source of the intervals: Clopper and Pearson, Biometrika 1934; Bentkus, Annals of Probability 2004, for shares of groups.

That no share differs proves nothing: on shifted data the risk can rise while the shares remain the same.

The comparison itself is `wee.cascade.onnx_runner.Reference`, because the runner of an exported cascade makes it without wee.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wee.cascade.config import TESTED
from wee.cascade.description import CascadeDescription
from wee.cascade.onnx_runner import ACCEPTS_NOTHING, LEVEL, ComparedShare, Reference
from wee.data.splits import TEST
from wee.method.guarantees import mean_interval

__all__ = [
    "ACCEPTS_NOTHING",
    "LEVEL",
    "ComparedShare",
    "broken_guarantee",
    "compare_counts",
    "compare_shares",
    "independent_samples",
    "record",
    "reference_of",
    "warning",
]


def reference_of(description: CascadeDescription) -> Reference:
    """Return what the decisions of a cascade are compared with: those on its test set.

    Args:
        description: of the cascade.
    """
    test, certified = description.expected[str(TEST)], description.certified
    held = [] if certified is None else [one for one in certified.guarantees if one.holds]
    limits = [one.limit for one in held if one.name == TESTED[0]]
    return Reference(
        coverage=test.coverage.value,
        reaching=[share.value for share in test.reaching],
        risk=test.risk.value,
        samples=test.samples,
        groups=test.groups,
        certified=bool(held),
        risk_limit=limits[0] if limits else None,
    )


def independent_samples(description: CascadeDescription, count: int, independent: bool = False) -> int:
    """Return how many independent samples some new samples count as.

    Args:
        description: of the cascade.
        count: the number of samples.
        independent: whether they are independent of each other; otherwise they are taken to depend on each other like the
            samples of the test set.
    """
    return reference_of(description).independent_samples(count, independent)


def compare_shares(
    description: CascadeDescription, accepted: Sequence[bool], stages: Sequence[int], independent: bool = False
) -> list[ComparedShare]:
    """Compare the decisions of a cascade on some samples with those that it makes on the test set.

    Args:
        description: of the cascade.
        accepted: whether each sample is accepted [N].
        stages: the stage at which each sample leaves, counted from 1 [N].
        independent: whether the samples are independent of each other; see `independent_samples`.

    Returns:
        The share of accepted samples, and the shares that reach each stage but the first; none without samples.
    """
    leaving = [0] * len(description.stages)
    for stage in stages:
        leaving[stage - 1] += 1
    return compare_counts(description, sum(accepted), leaving, independent)


def compare_counts(
    description: CascadeDescription, accepted: int, leaving: Sequence[int], independent: bool = False
) -> list[ComparedShare]:
    """Compare the decisions of a cascade as `compare_shares` does, given their counts.

    Args:
        description: of the cascade.
        accepted: the number of accepted samples.
        leaving: the number of samples that leave at each stage [stages].
        independent: whether the samples are independent of each other; see `independent_samples`.
    """
    return reference_of(description).compare(accepted, leaving, independent, mean_interval)


def broken_guarantee(description: CascadeDescription, correct: Sequence[bool], independent: bool = False) -> str | None:
    """Say that the risk of accepted samples with labels is above the certified one, if it is beyond chance.

    The risk is above the limit if the lower limit of its interval is, at the level `LEVEL`.

    Args:
        description: of the cascade.
        correct: whether the prediction of each accepted sample is correct [accepted].
        independent: whether the samples are independent of each other; see `independent_samples`.

    Returns:
        A sentence without a final full stop; None if no risk is certified, or if the risk can be as certified.
    """
    wrong = len(correct) - sum(correct)
    return reference_of(description).broken_guarantee(wrong, len(correct), independent, mean_interval)


def warning(description: CascadeDescription, shares: Sequence[ComparedShare], samples: str = "images") -> str | None:
    """Say which shares differ from those of the test set, and what this means.

    Args:
        description: of the cascade.
        shares: what `compare_shares` has returned.
        samples: what the samples are, in the plural.

    Returns:
        One or two sentences without a final full stop; None if no share differs.
    """
    return reference_of(description).warning(shares, samples)


def record(shares: Sequence[ComparedShare]) -> dict[str, dict[str, Any]]:
    """Return compared shares as JSON data: `observed`, `expected` and `differs`, by the name of the share."""
    return {
        share.name: {"observed": share.observed, "expected": share.expected, "differs": share.differs}
        for share in shares
    }
