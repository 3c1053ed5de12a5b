"""A selection from sorted stages is what sorting its values would give, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wee.errors import WeeError
from wee.method import Metric, Mixture, RankedOutcome, Ranking, RiskCoverage, Stages, Summary, aupr, auroc, fpr_at
from wee.method.rankings import descending

CONVENTIONS = st.sampled_from(["paper", "strict"])


@st.composite
def cascades(draw: st.DrawFn, classes: int = 6) -> tuple[Stages, np.ndarray]:
    """Stages with many ties, or with none, and where every sample leaves."""
    n, stages = draw(st.integers(1, 25)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tied = draw(st.booleans())
    summaries = []
    for _ in range(stages):
        scores = rng.integers(0, classes, n).astype(float) if tied else rng.random(n)
        correct = rng.random(n) < 0.6
        values = (rng.random(n), rng.integers(0, 3, n), correct, correct, -rng.random(n), rng.random(n))
        summaries.append(Summary({"msp": scores}, *values))
    ids = np.arange(n).astype("S")
    return Stages(summaries, [float(k + 1) for k in range(stages)], ids), rng.integers(0, stages, n)


@given(cascades(), cascades(), CONVENTIONS, st.integers(0, 100))
def test_a_selection_is_what_sorting_gives(
    ours: tuple[Stages, np.ndarray], theirs: tuple[Stages, np.ndarray], convention: str, percent: int
) -> None:
    stages, exits = ours
    other, other_exits = theirs
    depth = min(len(stages), len(other))
    stages, other = (
        Stages(stages.summaries[:depth], stages.cost[:depth], stages.ids),
        Stages(other.summaries[:depth], other.cost[:depth], other.ids),
    )
    outcome, ood = stages.at(np.minimum(exits, depth - 1)), other.at(np.minimum(other_exits, depth - 1))
    scores, correct, far = outcome.scores["msp"], outcome.correct, ood.scores["msp"]

    alone = RankedOutcome(outcome, "msp", None, convention)  # type: ignore[arg-type]
    curve = RiskCoverage.of(scores, correct, convention)  # type: ignore[arg-type]
    order = np.argsort(-scores, kind="stable")
    assert alone.ranked.scores.tolist() == scores[order].tolist()
    assert alone.ranked.samples.tolist() == order.tolist()
    for name in (f"cov@{percent}", f"risk@{percent}"):
        metric = Metric.parse(name)
        assert metric.of_ranking(alone) == metric.task.read(curve)[0]  # type: ignore[union-attr]
    assert alone.curve.aurc == curve.aurc
    errors = Metric.parse("error_auroc").of_ranking(alone)
    if correct.all() or not correct.any():
        assert np.isnan(errors)
    else:
        assert errors == 100 * auroc(scores[correct], scores[~correct])

    beside = RankedOutcome(outcome, "msp", ood, convention)  # type: ignore[arg-type]
    mixture = Mixture.of(curve, scores, correct, far)
    at = percent / 100
    assert Metric.parse(f"fpr@{percent}").of_ranking(beside) == 100 * fpr_at(scores, far, at, convention)  # type: ignore[arg-type]
    assert Metric.parse(f"risk@{percent}").of_ranking(beside) == 100 * mixture.risk_at(at)
    for name in ("aurc", "augrc"):
        assert Metric.parse(name).of_ranking(beside) == getattr(mixture, name)
    assert Metric.parse("auroc").of_ranking(beside) == 100 * auroc(scores, far)
    assert Metric.parse("aupr_in").of_ranking(beside) == pytest.approx(100 * aupr(scores, far))
    assert Metric.parse("aupr_out").of_ranking(beside) == pytest.approx(100 * aupr(-far, -scores))


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=1), st.integers(0, 100)
)
def test_fpr_in_the_papers_convention_is_its_definition(ours: list[int], theirs: list[int], percent: int) -> None:
    ids, oods = np.array(ours, dtype=float), np.array(theirs, dtype=float) + 0.5 * (percent % 2)
    observed = sorted(set(ids) | set(oods))
    threshold = min(
        observed, key=lambda t: abs((ids >= t).mean() - percent / 100)
    )  # the first, and smallest, of equals
    assert fpr_at(ids, oods, percent / 100) == (oods >= threshold).mean()


@given(cascades(), st.integers(0, 100))
def test_scod_risk_is_read_off_the_mixtures_curve(ours: tuple[Stages, np.ndarray], percent: int) -> None:
    """Point by point, as the definition says: the first point whose score is nearest to the threshold."""
    stages, exits = ours
    outcome = stages.at(exits)
    far = np.random.default_rng(len(exits)).integers(0, 6, 9).astype(float)
    scores, correct = outcome.scores["msp"], outcome.correct
    curve = RiskCoverage.of(scores, correct)
    k = min(range(len(scores) + 1), key=lambda i: abs(i / len(scores) - percent / 100))
    theta = np.sort(scores)[::-1][min(k, len(scores) - 1)]
    both = np.concatenate([scores, far])
    order = np.argsort(-both, kind="stable")
    j = int(np.argmin(np.abs(both[order] - theta)))
    accepted = order[:j]
    weight = np.where(accepted < len(scores), 0.5 / len(scores), 0.5 / len(far))
    wrong = np.concatenate([~correct, np.ones(len(far), dtype=bool)])[accepted]
    expected = (weight * wrong).sum() / weight.sum() if j else 0.0
    assert Mixture.of(curve, scores, correct, far).risk_at(percent / 100) == pytest.approx(expected)


@given(cascades(), st.integers(0, 2**32))
def test_repeating_samples_is_ranking_them_repeated(ours: tuple[Stages, np.ndarray], seed: int) -> None:
    stages, exits = ours
    times = np.random.default_rng(seed).integers(0, 3, len(exits))
    ranked = stages.at(exits).ranked("msp").repeat(times)
    scores = np.repeat(stages.at(exits).scores["msp"], times)
    assert ranked.scores.tolist() == np.sort(scores)[::-1].tolist()
    assert np.bincount(ranked.samples, minlength=len(exits)).tolist() == times.tolist()


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=50))
def test_the_order_is_numpys_stable_one(scores: list[float]) -> None:
    found, tied = descending(np.array(scores))
    assert found.tolist() == np.argsort(-np.array(scores), kind="stable").tolist()
    assert tied == (len(set(scores)) < len(scores))


def test_nan_is_refused() -> None:
    with pytest.raises(WeeError, match="1 of 2 scores are NaN"):
        Ranking.of(np.array([0.5, np.nan]), np.array([True, True]))


def test_a_setting_sorts_nothing_that_another_has_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    from wee.method import rankings

    rng = np.random.default_rng(0)
    correct = rng.random(40) < 0.5
    summaries = [
        Summary({"msp": rng.random(40)}, *(correct.astype(float),) * 2, correct, correct, *(rng.random(40),) * 2)
        for _ in range(2)
    ]  # type: ignore[arg-type]
    stages = Stages(summaries, [1.0, 2.0], np.arange(40).astype("S"))
    sorts = []
    monkeypatch.setattr(rankings, "descending", lambda scores: sorts.append(1) or descending(scores))  # type: ignore[func-returns-value]
    for width in (0.1, 0.2, 0.5):
        for _ in range(2):
            exits = (rng.random(40) < width).astype(int)
            Metric.parse("cov@5").of_ranking(RankedOutcome(stages.at(exits), "msp"))
    assert len(sorts) == 1
