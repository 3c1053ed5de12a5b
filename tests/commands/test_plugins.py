"""Plug-ins for everything that users choose between, each a file on the `PYTHONPATH`, from training to the figure."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command_line import Wee

SCORE = '''
"""A score: a function of the outputs of the members."""


def cubes(outputs):
    """Sum of the cubed mean probabilities, in (0, 1]."""
    return (outputs.probs**3).sum(1)
'''

POLICY = '''
"""A policy with a parameter."""

from dataclasses import dataclass

import numpy as np

from wee.method import Interval, IntervalRule


@dataclass(frozen=True)
class Doubtful:
    """The least confident share of the samples goes on."""

    share: float
    score: str = "msp"

    label = "doubtful samples"

    def fit(self, validation):
        ends = (np.quantile(summary.scores[self.score], self.share) for summary in validation.summaries[:-1])
        return IntervalRule(self.score, [Interval(-np.inf, float(end)) for end in ends])
'''

METRIC = '''
"""A metric of the predictions alone."""


class Mistakes:
    """Number of wrong predictions."""

    higher_is_better = False
    label = "mistakes"
    percent = False

    def of_outcome(self, outcome, times):
        return float((~outcome.correct).sum() if times is None else times[~outcome.correct].sum())
'''

COST = '''
"""A cost: a measurement of a network."""


class Weight:
    """Size of the parameters."""

    label, unit = "weight", "kB"

    def measure(self, network, transform, channels):
        return sum(parameter.numel() for parameter in network.parameters()) / 250
'''

DATA = '''
"""A kind of data set."""

from dataclasses import dataclass

import numpy as np

from wee.data.config import LabelledConfig


@dataclass
class Stripes(LabelledConfig):
    """Grey images with a bright half."""

    classes: int = 2
    channels: int = 1
    count: int = 120

    def split(self, name):
        from wee.data.base import ArraySplit

        rng = np.random.default_rng([self.count, len(name)])
        labels = np.arange(self.count) % 2
        images = rng.integers(0, 120, (self.count, 1, 12, 12), dtype=np.uint8)
        images[labels == 1, :, :, 6:] += 25
        return ArraySplit(images, labels, ids=[f"{name}-{k}" for k in range(self.count)])
'''

FIGURE = '''
"""A kind of figure."""

from wee.figures.kinds import TABLE, FigureKind


class Bars(FigureKind):
    """A bar for each policy: the mean of a metric on the test set."""

    reads = (TABLE,)

    def points(self, tables, config):
        table = tables[TABLE]
        rows = table[(table.metric == config.panels[0]) & (table.split == "test")]
        return rows.groupby("policy", sort=False).value.mean().reset_index()

    def draw(self, points, config, labels):
        import matplotlib.pyplot as plt

        figure, axis = plt.subplots()
        axis.bar(points.policy, points.value)
        return figure
'''

MODULES = {
    "stranger_score": SCORE,
    "stranger_policy": POLICY,
    "stranger_metric": METRIC,
    "stranger_cost": COST,
    "stranger_data": DATA,
    "stranger_figure": FIGURE,
}

CONFIGS = {
    "dataset/stripes.yaml": "# Stripes.\nname: stripes\nkind: stranger_data:Stripes\nmean: 0.3\nstd: 0.2\n",
    "policy/doubtful.yaml": (
        "# The doubtful, at two shares.\n"
        "choices: {'stranger_policy:Doubtful': }\n"
        "parameters: {'stranger_policy:Doubtful': {share: [0.2, 0.5]}}\n"
    ),
    "figure/bars.yaml": "# Bars.\nname: bars\nkind: stranger_figure:Bars\npanels: [accuracy]\n",
}

POLICY_NAME, METRIC_NAME, COST_NAME = "stranger_policy:Doubtful", "stranger_metric:Mistakes", "stranger_cost:Weight"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, beside one with the modules of a stranger and one with the YAML files that these need."""
    for name, source in MODULES.items():
        file = tmp_path / "modules" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    for name, text in CONFIGS.items():
        file = tmp_path / "configs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "modules"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_six_plug_ins_work_like_built_in_parts(folder: Path, wee: Wee) -> None:
    configs = ("--config-dir", "../configs")
    members = (*configs, "dataset=stripes", "ood=none", "scale=[s1,s2]")
    quick = ("trainer.steps=8", "trainer.batch_size=32")
    wee("train", *(word for word in members if word != "ood=none"), *quick, cwd=folder)
    wee("evaluate", *members, *quick, f"cost=[macs,{COST_NAME}]", cwd=folder)

    swept = (
        "sweep", *members, "policy=[paper,doubtful]", "score=[msp,stranger_score:cubes]", f"cost={COST_NAME}",
        f"task.metrics=[accuracy,aurc,{METRIC_NAME}]", "task.names=[cov@20]", "bootstrap.resamples=20", "name=mine",
    )  # fmt: skip
    shown = wee(*swept, cwd=folder).stdout
    assert "weight (kB)" in shown
    assert f"{POLICY_NAME} share=0.2" in shown
    (sweep,) = (folder / "outputs" / "sweeps" / "mine").iterdir()
    for name in ("table", "averages", "fronts", "differences"):
        rows = pd.read_csv(sweep / f"{name}.csv")
        mine = rows[rows.policy == POLICY_NAME]
        assert set(mine.parameters) <= {"share=0.2", "share=0.5"}, name
        assert set(mine.score) == {"msp", "stranger_score:cubes"}, name
        assert METRIC_NAME in set(rows.metric), name
        assert set(rows.cost) == {COST_NAME}, name
        assert set(rows.dataset) == {"stripes"}, name
    rules = (sweep / "rules.jsonl").read_text()
    assert POLICY_NAME in rules

    wee("figure", *configs, "figure=bars", "name=bars", "sweeps=mine", "figure.formats=[png]", cwd=folder)
    bars = pd.read_csv(folder / "outputs" / "figures" / "bars.csv")
    assert set(bars.policy) == {"single", "ensemble", "window", POLICY_NAME}
    assert (folder / "outputs" / "figures" / "bars.png").stat().st_size > 1000
    curves = ("figure=sc", f"figure.panels=[{METRIC_NAME}]", f"figure.policies=[single,{POLICY_NAME}]")
    parameters = ("figure.parameters='share=0.2'", "name=curves", "sweeps=mine", "figure.formats=[png]")
    wee("figure", *configs, *curves, *parameters, cwd=folder)
    assert "doubtful samples" in set(pd.read_csv(folder / "outputs" / "figures" / "curves.csv").line)

    again = wee(*swept, cwd=folder)
    assert "this sweep over these logits is there already" in again.stdout + again.stderr
    for module in ("stranger_score", "stranger_policy", "stranger_metric"):
        before = len(list(sweep.parent.iterdir()))
        (folder.parent / "modules" / f"{module}.py").write_text(MODULES[module] + "\n# Another version.\n")
        wee(*swept, cwd=folder)
        assert len(list(sweep.parent.iterdir())) == before + 1, module


def test_plug_ins_are_in_the_help(folder: Path, wee: Wee) -> None:
    configs = ("--config-dir", "../configs")
    text = wee("sweep", *configs, "policy=doubtful", f"cost={COST_NAME}", "score=stranger_score:cubes", "--help", cwd=folder)
    for line in (
        "* doubtful         The doubtful, at two shares.",
        "* stranger_cost:Weight Size of the parameters.",
        "* stranger_score:cubes Sum of the cubed mean probabilities, in (0, 1].",
        "  stripes          Stripes.",
    ):
        assert line.replace(" ", "") in text.stdout.replace(" ", ""), line
    figure = wee("figure", *configs, "figure=bars", "--help", cwd=folder).stdout
    assert "kind: stranger_figure:Bars" in figure


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "score=stranger_score:cube"), "the module stranger_score has no cube"),
        (("sweep", "policy=nosuch:Policy"), "is the folder of nosuch.py on the PYTHONPATH?"),
        (("sweep", "policy=stranger_policy:Doubtful"), "needs a value for share"),
        (("sweep", "task.metrics=[stranger_data:Stripes]"), "the metric stranger_data:Stripes has no higher_is_better"),
        (("sweep", "cost=stranger_metric:Mistakes"), "the cost stranger_metric:Mistakes has no measure"),
        (("evaluate", "dataset.kind=stranger_cost:Weight"), "stranger_cost:Weight is no kind of data set"),
        (("figure", "figure=sc", "figure.kind=stranger_data:Stripes"), "stranger_data:Stripes is no kind of figure"),
    ],
)
def test_what_is_no_plug_in_of_that_kind_is_refused(
    arguments: tuple[str, ...], message: str, folder: Path, wee: Wee
) -> None:
    failed = wee(*arguments, cwd=folder, code=1)
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (folder / "outputs" / "sweeps").exists()
