"""What the card of a cascade says about its guarantees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.descriptions import cascade
from wee.cascade.card import page, summary
from wee.cascade.description import Estimate


@pytest.mark.parametrize(
    ("risk", "certified", "explained"), [(0.1071, True, True), (0.1, True, False), (0.1071, False, False)]
)
def test_a_tuning_risk_above_the_certified_limit_is_explained(risk: float, certified: bool, explained: bool) -> None:
    text = page(cascade([1.0, 0.4], 0.9, 1000, certified=certified, risk=risk))
    assert ("The risk on the tuning samples is higher (10.71 %), and both can be true" in text) == explained


@pytest.mark.parametrize(
    ("risk", "certified", "explained"),
    [
        (
            Estimate(0.1071, 0.09, 0.12),
            True,
            "(10.71 [9.00, 12.00] %), and both can be true: the guarantee is about the true",
        ),
        (
            Estimate(0.1071, 0.102, 0.112),
            True,
            "(10.71 [10.20, 11.20] %), and its interval lies above the certified 10 %",
        ),
        (Estimate(0.1, 0.09, 0.12), True, None),
        (Estimate(0.1071, 0.09, 0.12), False, None),
        (Estimate(0.1071, 0.102, 0.112), False, None),
    ],
)
def test_a_test_risk_above_the_certified_limit_is_explained(
    risk: Estimate, certified: bool, explained: str | None
) -> None:
    description = cascade([1.0, 0.4], 0.9, 1000, certified=certified, risk=0.08)
    expected = {"test": replace(description.expected["test"], risk=risk)}
    description = replace(description, expected=expected)
    for text in (page(description), str(summary(description).caption)):
        assert ("The risk on the test set is higher" in text) == (explained is not None)
        assert explained is None or f"The risk on the test set is higher {explained}" in text
        assert "The risk on the tuning samples" not in text
    if explained is not None and "lies above" in explained:
        assert "for which the guarantee fails (a share of at most 10 %)" in page(description)
