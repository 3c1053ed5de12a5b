"""The looks of figures."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from wee.figures.style import LOOKS, lighter, metric_label
from wee.sweep.config import BASELINE, POLICIES


def test_every_policy_has_a_look_of_its_own() -> None:
    assert {*POLICIES, BASELINE} <= set(LOOKS)
    for part in ("label", "marker"):
        assert len({getattr(look, part) for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.colour for name, look in LOOKS.items() if name != "adjusted"}) == len(LOOKS) - 1


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("cov@5", "Cov@5 (%)"), ("fpr@95", "FPR@95 (%)"), ("aurc", "AURC"),
        ("deployed_cov@5", "deployed coverage @5 (%)"), ("deployed_risk@80", "deployed risk @80 (%)"),
        ("deployed_tpr@95", "deployed TPR @95 (%)"), ("deployed_fpr@95", "deployed FPR @95 (%)"), ("new@5", "new@5"),
    ],
)  # fmt: skip
def test_metrics_are_called_by_their_labels(metric: str, label: str) -> None:
    assert metric_label(metric) == label


def test_a_lighter_colour_is_halfway_to_white() -> None:
    assert lighter("#000000") == (0.5, 0.5, 0.5)
    assert all(light > dark for light, dark in zip(lighter("#0072B2"), to_rgb("#0072B2"), strict=True))
