"""The plug-ins of `docs/plugins.md`, one for everything that users choose between, from training to the figure."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command_line import Wee
from wee.data.splits import TEST
from wee.store import Address, LogitStore

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"

FILES = {
    match["name"]: match["text"]
    for match in re.finditer(r"```(python|yaml)\n# (?P<name>\S+)\n(?P<text>.*?)```", PAGE.read_text(), re.DOTALL)
}
"""The files on the page about plug-ins, by name."""

POLICY_NAME, METRIC_NAME, COST_NAME = "my_policy:Doubtful", "my_metric:Mistakes", "my_cost:Weight"
HARM_NAME = "my_metric:Harm"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, beside one with the modules of the page and one with its YAML files."""
    for name, text in FILES.items():
        file = tmp_path / ("modules" if name.endswith(".py") else "configs") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "modules"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_the_page_has_a_file_for_each_kind() -> None:
    assert [name for name in FILES if name.endswith(".py")] == [
        "my_score.py", "my_policy.py", "my_metric.py", "my_cost.py", "my_data.py", "my_figure.py",
    ]  # fmt: skip


def test_six_plug_ins_work_like_built_in_parts(folder: Path, wee: Wee) -> None:
    configs = ("--config-dir", "../configs")
    members = (*configs, "dataset=stripes", "ood=none", "scale=[s1,s2]")
    quick = ("trainer.steps=8", "trainer.batch_size=32")
    wee("train", *(word for word in members if word != "ood=none"), *quick, cwd=folder)
    wee("evaluate", *members, *quick, f"cost=[macs,{COST_NAME}]", cwd=folder)

    swept = (
        "sweep", *members, "policy=[paper,doubtful]", "score=[msp,my_score:cubes]", f"cost={COST_NAME}",
        f"task.metrics=[accuracy,aurc,{METRIC_NAME},{HARM_NAME}]", "task.names=[cov@20]", "bootstrap.resamples=20", "name=mine",
    )  # fmt: skip
    shown = wee(*swept, cwd=folder).stdout
    assert "weight (kB)" in shown
    assert f"{POLICY_NAME} share=0.2" in shown
    (sweep,) = (folder / "outputs" / "sweeps" / "mine").iterdir()
    for name in ("table", "averages", "fronts", "differences"):
        rows = pd.read_csv(sweep / f"{name}.csv")
        mine = rows[rows.policy == POLICY_NAME]
        assert set(mine.parameters) <= {"share=0.2", "share=0.5"}, name
        assert set(mine.score) == {"msp", "my_score:cubes"}, name
        assert METRIC_NAME in set(rows.metric), name
        assert set(rows.cost) == {COST_NAME}, name
        assert set(rows.dataset) == {"stripes"}, name
    _check_harm(folder, pd.read_csv(sweep / "table.csv"))
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

    wee("explore", "sweeps=mine", cwd=folder)
    page = (folder / "outputs" / "explore" / "mine.html").read_text()
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    shown_there = json.loads(match[1])
    assert "doubtful samples" in shown_there["looks"]
    assert shown_there["costs"][COST_NAME]["axis"] == "average weight (kB)"
    assert METRIC_NAME in shown_there["metrics"]
    assert shown_there["sweeps"][0]["command"].startswith("wee sweep --config-dir=../configs ")

    again = wee(*swept, cwd=folder)
    assert "this sweep over these logits is there already" in again.stdout + again.stderr
    for module in ("my_score", "my_policy", "my_metric"):
        before = len(list(sweep.parent.iterdir()))
        (folder.parent / "modules" / f"{module}.py").write_text(FILES[f"{module}.py"] + "\n# Another version.\n")
        wee(*swept, cwd=folder)
        assert len(list(sweep.parent.iterdir())) == before + 1, module


def _check_harm(folder: Path, table: pd.DataFrame) -> None:
    """Compare the harm of single models on the test set with that of their logits."""
    rows = table[(table.policy == "single") & (table.split == "test") & (table.metric == HARM_NAME)]
    for scale, member in itertools.product(("s1", "s2"), (0, 1)):
        (entry,) = LogitStore(folder / "outputs" / "store").find(Address("stripes", "tiny", scale, member, TEST))
        truth, predicted = entry.labels, entry.logits.argmax(1)
        false_positives, false_negatives = ((truth == k) & (predicted == 1 - k) for k in (0, 1))
        expected = (false_positives.sum() + 10 * false_negatives.sum()) / len(truth)
        (value,) = rows[(rows.scale == scale) & (rows.members.astype(str) == str(member))].value.unique()
        assert value == pytest.approx(expected)


def test_plug_ins_are_in_the_help(folder: Path, wee: Wee) -> None:
    configs = ("--config-dir", "../configs")
    text = wee("sweep", *configs, "policy=doubtful", f"cost={COST_NAME}", "score=my_score:cubes", "--help", cwd=folder)
    for line in (
        "* doubtful         The doubtful, at two shares.",
        "* my_cost:Weight Size of the parameters.",
        "* my_score:cubes Sum of the cubed mean probabilities, in (0, 1].",
        "  stripes          Stripes.",
    ):
        assert line.replace(" ", "") in text.stdout.replace(" ", ""), line
    figure = wee("figure", *configs, "figure=bars", "--help", cwd=folder).stdout
    assert "kind: my_figure:Bars" in figure


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "score=my_score:cube"), "the module my_score has no cube"),
        (("sweep", "policy=nosuch:Policy"), "is the folder of nosuch.py on the PYTHONPATH?"),
        (("sweep", "policy=my_policy:Doubtful"), "needs a value for share"),
        (("sweep", "task.metrics=[my_data:Stripes]"), "the metric my_data:Stripes has no higher_is_better"),
        (("sweep", "cost=my_metric:Mistakes"), "the cost my_metric:Mistakes has no measure"),
        (("evaluate", "dataset.kind=my_cost:Weight"), "my_cost:Weight is no kind of data set"),
        (("figure", "figure=sc", "figure.kind=my_data:Stripes"), "my_data:Stripes is no kind of figure"),
    ],
)
def test_what_is_no_plug_in_of_that_kind_is_refused(
    arguments: tuple[str, ...], message: str, folder: Path, wee: Wee
) -> None:
    failed = wee(*arguments, cwd=folder, code=1)
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "Error executing job" not in failed.stderr
    assert not (folder / "outputs" / "sweeps").exists()
