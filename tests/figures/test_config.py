"""Configs of figures: what they refuse, and what they fill in."""

from __future__ import annotations

import pytest

from wee.errors import WeeError
from wee.figures.config import FigureConfig


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"policies": ["windows"]}, "no policy 'windows'; did you mean 'window'"),
        ({"policies": ["windows"], "kind": "hypervolume"}, r"no policy 'windows'.*single\+ensemble"),
        ({"policies": []}, "figure.policies is empty; choose from single, "),
        ({"policies": ["single+ensemble"]}, r"of kind hypervolume alone.*figure.policies=\[single,ensemble\]"),
        ({"reference": "demo"}, "figure.reference is for figure.kind=hypervolume, and this figure's kind is curves"),
        ({"kind": "hypervolume", "split": "shift-fog"}, "fronts are of the test set"),
        ({"kind": "widths"}, "a list of them is for figure.kind=widths"),
        ({"adjusted": True, "kind": "tradeoff"}, "figure.adjusted is for figure.kind=curves, and .* kind is tradeoff"),
        (
            {"ood": "all", "kind": "validation"},
            "figure.ood is for figure.kind=curves or tradeoff or widths or sizes, and",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        FigureConfig("f", panels=["cov@5"], **wrong)  # type: ignore[arg-type]


def test_the_front_of_singles_and_ensembles_is_a_policy_of_hypervolumes() -> None:
    config = FigureConfig("f", kind="hypervolume", panels=["cov@5"], policies="single+ensemble", reference="demo")
    assert config.policies == ["single+ensemble"]


def test_samples_go_on_by_the_score_that_ranks_unless_told_otherwise() -> None:
    assert FigureConfig("f", panels=["cov@5"], score="energy").exit_score == "energy"
    assert FigureConfig("f", panels=["cov@5"], score="energy", exit_score="msp").exit_score == "msp"
