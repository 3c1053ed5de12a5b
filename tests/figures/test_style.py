"""The looks of figures."""

from __future__ import annotations

from matplotlib.colors import to_rgb

from wee.figures.style import ADJUSTED, label, lighter, look
from wee.method import POLICIES
from wee.method.policies.base import PALETTE
from wee.sweep.config import BASELINE


def test_every_policy_has_a_look_of_its_own() -> None:
    names = [*POLICIES, BASELINE, ADJUSTED]
    looks = [*map(look, names), *PALETTE]
    assert len(set(map(label, names))) == len(names)
    assert len({drawn.marker for drawn in looks}) == len(looks)
    assert len({drawn.colour for drawn in looks}) == len(looks) - 1  # adjusted windows have the colour of windows


def test_a_lighter_colour_is_halfway_to_white() -> None:
    assert lighter("#000000") == (0.5, 0.5, 0.5)
    assert all(light > dark for light, dark in zip(lighter("#0072B2"), to_rgb("#0072B2"), strict=True))
