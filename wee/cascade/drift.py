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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wee.cascade.config import TESTED
from wee.cascade.description import CascadeDescription, Guarantee
from wee.data.splits import TEST
from wee.method.guarantees import mean_interval

LEVEL = 1e-4
"""The probability of a false alarm: that any share differs although both sets of samples are from one distribution."""


@dataclass(frozen=True)
class ComparedShare:
    """The share of some samples that are accepted, or that reach a stage, beside that of the test set.

    Attributes:
        stage: the stage that is reached, counted from 1; None for the share of accepted samples.
        observed: the share of the samples, in [0, 1].
        expected: the share of the test set, in [0, 1].
        differs: whether the two cannot come from one distribution, at the level `LEVEL`.
    """

    stage: int | None
    observed: float
    expected: float
    differs: bool

    @property
    def name(self) -> str:
        """What the share is of: "accepted", or "reaches stage 2"."""
        return "accepted" if self.stage is None else f"reaches stage {self.stage}"


def independent_samples(description: CascadeDescription, count: int, independent: bool = False) -> int:
    """Return how many independent samples some new samples count as.

    Args:
        description: of the cascade.
        count: the number of samples.
        independent: whether they are independent of each other; otherwise they are taken to depend on each other like the
            samples of the test set.
    """
    test = description.expected[str(TEST)]
    return count if independent else count * test.groups // test.samples


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
    count, test = len(accepted), description.expected[str(TEST)]
    if not count:
        return []
    later = range(2, len(description.stages) + 1)
    shares: list[tuple[int | None, float, float]] = [(None, sum(accepted) / count, test.coverage.value)]
    shares += [
        (stage, sum(left >= stage for left in stages) / count, test.reaching[stage - 1].value) for stage in later
    ]
    number = independent_samples(description, count, independent)
    level = LEVEL / (2 * len(shares))
    compared = []
    for stage, observed, expected in shares:
        lower, upper = mean_interval(observed, number, level)
        expected_lower, expected_upper = mean_interval(expected, test.groups, level)
        differs = lower > expected_upper or upper < expected_lower
        compared.append(ComparedShare(stage, observed, expected, differs))
    return compared


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
    limits = [one.limit for one in _held(description) if one.name == TESTED[0]]
    if not limits or not correct:
        return None
    risk = correct.count(False) / len(correct)
    if mean_interval(risk, independent_samples(description, len(correct), independent), LEVEL)[0] <= limits[0]:
        return None
    return (
        f"{100 * risk:.2f} % of what is accepted is wrong, and at most {100 * limits[0]:.5g} % was certified: these samples "
        "are not from the distribution that the cascade was certified on, or their labels are wrong"
    )


def _held(description: CascadeDescription) -> list[Guarantee]:
    return [one for one in description.certified.guarantees if one.holds] if description.certified is not None else []


def warning(description: CascadeDescription, shares: Sequence[ComparedShare], samples: str = "images") -> str | None:
    """Say which shares differ from those of the test set, and what this means.

    Args:
        description: of the cascade.
        shares: what `compare_shares` has returned.
        samples: what the samples are, in the plural.

    Returns:
        One or two sentences without a final full stop; None if no share differs.
    """
    differing = [share for share in shares if share.differs]
    if not differing:
        return None
    parts = [
        f"{_verb(share)} ({100 * share.expected:.2f} % of the test set)"
        if place == 0
        else f"{_verb(share)} ({100 * share.expected:.2f} %)"
        for place, share in enumerate(differing)
    ]
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    if _held(description):
        made, known = "certified on", f"The guarantee is about {samples} like those alone, and says nothing about these"
    else:
        made, known = "calibrated on", f"The expected numbers are about {samples} like those alone"
    return f"these {samples} are not like those that the cascade was {made}: {listed}. {known}"


def _verb(share: ComparedShare) -> str:
    observed = f"{100 * share.observed:.2f} %"
    return f"{observed} are accepted" if share.stage is None else f"{observed} reach stage {share.stage}"
