"""Names of tasks and metrics."""

from __future__ import annotations

import pytest

from wee.errors import WeeError
from wee.method import Metric, Task


@pytest.mark.parametrize(
    ("name", "task"), [("cov@5", Task("cov", 5)), ("cov@2.5", Task("cov", 2.5)), ("risk@80", Task("risk", 80))]
)
def test_tasks_are_read_and_written(name: str, task: Task) -> None:
    assert Task.parse(name) == task
    assert str(task) == name
    assert Metric.parse(name).task == task


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
