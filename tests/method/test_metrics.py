"""Names of tasks and metrics."""

from __future__ import annotations

import pytest

from wee.errors import WeeError
from wee.method import METRICS, Metric, Task


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


def test_directions() -> None:
    assert Metric.parse("cov@5").higher_is_better
    assert Metric.parse("accuracy").higher_is_better
    assert not Metric.parse("risk@80").higher_is_better
    assert not Metric.parse("aurc").higher_is_better
