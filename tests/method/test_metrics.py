"""Names of tasks and metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wee.errors import WeeError
from wee.method import METRICS, Metric, Outcome, RankedOutcome, Ranking, RiskCoverage, Stages, Summary, Task, bootstrap
from wee.method.logits import summarise
from wee.method.metrics import metric_help, task_help


@pytest.mark.parametrize(
    ("name", "kind", "at"), [("cov@5", "cov", 5), ("cov@2.5", "cov", 2.5), ("risk@80", "risk", 80)]
)
def test_tasks_are_read_and_written(name: str, kind: str, at: float) -> None:
    task = Task.parse(name)
    assert (task.kind, task.at) == (METRICS[kind], at)
    assert str(task) == name
    assert Metric.parse(name).task == task == Task.parse(name)
    assert task.metric == Metric.parse(name)


@pytest.mark.parametrize("name", ["cov5", "cov@", "cov@-1", "acc@5", "", "risk@80%"])
def test_what_is_no_task_is_refused(name: str) -> None:
    with pytest.raises(WeeError, match="there is no task"):
        Task.parse(name)


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(WeeError, match="101 per cent is more than everything"):
        Task.parse("risk@101")


def test_what_is_no_metric_is_refused() -> None:
    with pytest.raises(WeeError, match="no metric 'aurcc'; did you mean 'aurc'"):
        Metric.parse("aurcc")


@pytest.mark.parametrize("name", ["certified@0", "certified@100", "certified_risk@0.0", "certified_risk@250"])
def test_a_risk_that_cannot_be_certified_is_refused(name: str) -> None:
    with pytest.raises(WeeError, match="a certified risk is greater than 0 and less than 100 per cent"):
        Metric.parse(name)


@pytest.mark.parametrize("name", ["certified", "certified@", "certified_fpr@80", "certified@-1", "certified_risk"])
def test_what_is_no_certified_metric_is_refused(name: str) -> None:
    with pytest.raises(WeeError, match=f"there is no metric '{name}'"):
        Metric.parse(name)
    with pytest.raises(WeeError, match="there is no task 'certified@5'"):
        Task.parse("certified@5")


def test_certified_metrics_are_for_the_task_of_the_same_risk() -> None:
    coverage, risk = Metric.parse("certified@2.5"), Metric.parse("certified_risk@2.5")
    assert coverage.operated_for == risk.operated_for == Task.parse("cov@2.5")
    assert (coverage.label, risk.higher_is_better, coverage.higher_is_better) == (
        "certified coverage @2.5",
        False,
        True,
    )
    assert not coverage.on_ood
    assert "voids the guarantee" in metric_help()["certified@<per cent>"]
    assert not set(metric_help()) & {"deployed_cov@<per cent>"}
    with pytest.raises(WeeError, match="needs an acceptance threshold"):
        coverage.of_ranking(RankedOutcome(_flat(), "msp"))


def _flat() -> Outcome:
    flat, right = np.zeros(4), np.ones(4, bool)
    summary = Summary({"msp": flat}, flat, flat.astype(int), right, right, flat, flat)
    return Stages([summary], [1.0], np.arange(4).astype("S")).at(np.zeros(4, int))


def test_directions() -> None:
    assert Metric.parse("cov@5").higher_is_better
    assert Metric.parse("accuracy").higher_is_better
    assert not Metric.parse("risk@80").higher_is_better
    assert not Metric.parse("aurc").higher_is_better


def test_every_kind_says_what_it_is() -> None:
    for name, kind in METRICS.items():
        assert kind.name == name
        assert kind.label
        assert kind.help
        assert kind.on_id or kind.on_ood or name.startswith("deployed")
    assert set(task_help()) == {"cov@<per cent>", "risk@<per cent>", "fpr@<per cent>"}
    assert set(task_help()) < set(metric_help())


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [("cov@2.5", "Cov@2.5", "%"), ("risk@80", "Risk@80", "%"), ("aurc", "AURC", ""), ("ece", "ECE", "%")],
)
def test_labels_have_the_parameter_and_the_unit(name: str, label: str, unit: str) -> None:
    metric = Metric.parse(name)
    assert (metric.label, metric.unit) == (label, unit)
    assert metric.axis_label == (f"{label} (%)" if unit else label)


def test_messages_say_what_each_metric_is() -> None:
    with pytest.raises(WeeError, match=r"\n  aurc +area under the risk-coverage curve"):
        Metric.parse("aurcc")
    for name in ("aurc@5", "cov"):
        with pytest.raises(WeeError, match=f"no metric '{name}'"):
            Metric.parse(name)


OWN = '''
"""Metrics of somebody else."""


class Spread:
    """How far the scores spread."""

    higher_is_better = True
    on_ood = True

    def of_ranking(self, ranking):
        return ranking.ranked.scores.max() - ranking.ranked.scores.min()


class Mistakes:
    """The share of mistakes."""

    label, higher_is_better, percent = "mistakes", False, True

    def of_outcome(self, outcome, times=None):
        wrong = ~outcome.correct
        return 100 * (wrong.mean() if times is None else (wrong * times).sum() / times.sum())


class Half:
    """The coverage at half a risk."""

    higher_is_better = True

    def read(self, curve, share):
        return curve.coverage_at(share / 2)


class Nothing:
    higher_is_better = True


class Aimless:
    def of_ranking(self, ranking):
        return 0.0


class Each:
    higher_is_better = True

    def of_outcome(self, outcome, times=None):
        return outcome.correct


class Broken:
    higher_is_better = True

    def of_ranking(self, ranking):
        return ranking.curves


class Whole:
    higher_is_better = True

    def read(self, curve, share):
        return curve.coverage_at(share)[0]
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_metrics.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own")
def test_metrics_of_ones_own_are_measured_and_resampled_like_others() -> None:
    rng = np.random.default_rng(0)
    scores, correct = rng.random(80), rng.random(80) < 0.7
    flat = np.zeros(80)
    summary = Summary({"msp": scores}, scores, np.zeros(80, int), correct, correct, flat, flat)
    outcome = Stages([summary], [1.0], np.arange(80).astype("S")).at(np.zeros(80, int))
    ranking = RankedOutcome(outcome, "msp")
    spread, mistakes = (Metric.parse(f"own_metrics:{name}") for name in ("Spread", "Mistakes"))
    task = Task.parse("own_metrics:Half@20")
    assert (spread.label, spread.unit, spread.on_ood, spread.ranks) == ("Spread", "", True, True)
    assert (mistakes.axis_label, mistakes.on_ood, mistakes.ranks) == ("mistakes (%)", False, False)
    assert (str(task), task.metric.label, task.metric.axis_label) == ("own_metrics:Half@20", "Half@20", "Half@20 (%)")
    assert spread.kind.help == "How far the scores spread."
    assert spread.of_ranking(ranking) == np.ptp(scores)
    assert task.metric.of_ranking(ranking) == Metric.parse("cov@10").of_ranking(ranking)
    assert task.tau(summary, "msp") == Task.parse("cov@10").tau(summary, "msp")
    ranked = Ranking.of(scores, ~correct)
    assert task.acceptance_threshold(ranked) == Task.parse("cov@10").acceptance_threshold(ranked)
    assert task.read(RiskCoverage(ranked)) == Task.parse("cov@10").read(RiskCoverage(ranked))

    known = [Metric.parse("aurc"), Metric.parse("top1_error"), Metric.parse("cov@10")]
    values = bootstrap(ranking, [spread, *known, mistakes, task.metric], np.arange(80), count=5)
    np.testing.assert_allclose(values[4], values[2], rtol=1e-12)
    assert values[5].tolist() == values[3].tolist()
    assert len(np.unique(values[0])) > 1


@pytest.mark.usefixtures("own")
def test_an_outcome_has_the_true_and_the_predicted_classes() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(3, size=60)
    logits = [2 * np.eye(3)[truth] + rng.normal(size=(60, 3)) for _ in range(2)]
    summaries = summarise(logits, truth, [(0,), (0, 1)])
    ids = np.arange(60).astype("S")
    stages = Stages([summaries[0,], summaries[0, 1]], [1.0, 2.0], ids, truth)
    exits = rng.integers(2, size=60)
    outcome = stages.at(exits)
    assert outcome.truth.tolist() == truth.tolist()
    assert ((outcome.truth == outcome.label) == outcome.correct).all()
    matrix = np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]])
    probs = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in logits]
    predicted = np.where(exits == 0, probs[0].argmax(1), (probs[0] + probs[1]).argmax(1))
    assert matrix[outcome.truth, outcome.label].sum() == sum(
        matrix[t, p] for t, p in zip(truth, predicted, strict=True)
    )
    times = rng.integers(3, size=60)
    assert stages.repeat(times).at(np.repeat(exits, times)).truth.tolist() == np.repeat(truth, times).tolist()
    with pytest.raises(WeeError, match=r"no true classes: make its stages with them, Stages\(\.\., truth=labels\)"):
        _ = Stages(stages.summaries, stages.cost, ids).at(exits).truth
    with pytest.raises(WeeError, match=r"the same samples in all: .* sample counts \[59, 60\]"):
        Stages(stages.summaries, stages.cost, ids, truth[:-1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_metrics:Nothing", "needs one of of_ranking"),
        ("own_metrics:Aimless", "has no higher_is_better"),
        ("own_metrics:Spread@5", "no metric 'own_metrics:Spread@5'"),
        ("own_metrics:Half", "no metric 'own_metrics:Half'"),
    ],
)
def test_a_metric_of_ones_own_that_lacks_something_is_refused(name: str, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        Metric.parse(name)


@pytest.mark.usefixtures("own")
def test_a_metric_of_ones_own_that_fails_or_returns_no_number_is_named() -> None:
    flat = np.zeros(4)
    summary = Summary({"msp": np.arange(4.0)}, flat, np.zeros(4, int), np.ones(4, bool), np.ones(4, bool), flat, flat)
    outcome = Stages([summary], [1.0], np.arange(4).astype("S")).at(np.zeros(4, int))
    ranking = RankedOutcome(outcome, "msp")
    with pytest.raises(WeeError, match=r"metric own_metrics:Each returned a ndarray of shape \[4\]: .* one number"):
        Metric.parse("own_metrics:Each").of_outcome(outcome)
    with pytest.raises(
        WeeError, match=r"own_metrics:Broken raised AttributeError: .*curves.* \(.*own_metrics.py, line \d+\)$"
    ):
        Metric.parse("own_metrics:Broken").of_ranking(ranking)
    with pytest.raises(WeeError, match=r"task own_metrics:Whole returned 0.5: it returns a pair, .* in 0 .. 4$"):
        Metric.parse("own_metrics:Whole@5").of_ranking(ranking)
