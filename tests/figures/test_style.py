"""The looks of figures."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from wee.figures.config import TOGETHER
from wee.figures.style import ADJUSTED, label, lighter, look, metric_label
from wee.method import POLICIES
from wee.method.policies.base import PALETTE


def test_every_policy_has_a_look_of_its_own() -> None:
    names = [*POLICIES, TOGETHER, ADJUSTED]
    looks = [*map(look, names), *PALETTE]
    assert len(set(map(label, names))) == len(names)
    assert len({drawn.marker for drawn in looks}) == len(looks)
    assert len({drawn.colour for drawn in looks}) == len(looks) - 1  # adjusted windows have the colour of windows


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("cov@5", "Cov@5 (%)"), ("fpr@95", "FPR@95 (%)"), ("aurc", "AURC"),
        ("deployed_cov@5", "deployed coverage @5 (%)"), ("deployed_risk@80", "deployed risk @80 (%)"),
        ("deployed_tpr@95", "deployed TPR @95 (%)"), ("deployed_fpr@95", "deployed FPR @95 (%)"), ("new@5", "new@5"),
    ],
)  # fmt: skip
def test_metrics_are_called_by_their_labels(metric: str, words: str) -> None:
    assert metric_label(metric) == words


def test_a_lighter_colour_is_halfway_to_white() -> None:
    assert lighter("#000000") == (0.5, 0.5, 0.5)
    assert all(light > dark for light, dark in zip(lighter("#0072B2"), to_rgb("#0072B2"), strict=True))
