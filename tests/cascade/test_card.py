"""What the card of a cascade says about its guarantees."""

from __future__ import annotations

import pytest

from tests.helpers.descriptions import cascade
from wee.cascade.card import page


@pytest.mark.parametrize(
    ("risk", "certified", "explained"), [(0.1071, True, True), (0.1, True, False), (0.1071, False, False)]
)
def test_a_tuning_risk_above_the_certified_limit_is_explained(risk: float, certified: bool, explained: bool) -> None:
    text = page(cascade([1.0, 0.4], 0.9, 1000, certified=certified, risk=risk))
    assert ("The risk on the tuning samples is higher (10.71 %), and both can be true" in text) == explained
