"""Progress of long work where there is no terminal."""

from __future__ import annotations

import logging

import pytest
from rich.console import Console

from wee.app import console as module
from wee.app.console import progress


class Clock:
    """The time in seconds, which the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a console that is not a terminal."""
    clock = Clock()
    monkeypatch.setattr(module, "console", Console(force_terminal=False, get_time=clock))
    return clock


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_long_work_without_a_terminal_says_how_far_it_is(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "wee"), progress("steps") as bar:
        task = bar.add_task("training s1 member 0", total=2000)
        for _ in range(59):
            clock.now += 1
            bar.advance(task, 1)
        assert lines(caplog) == []
        for _ in range(301):
            clock.now += 1
            bar.advance(task, 1)
    assert lines(caplog) == [
        "training s1 member 0: 60 of 2,000 steps, about 32 min left",
        "training s1 member 0: 360 of 2,000 steps, about 27 min left",
    ]


def test_finished_and_unmeasured_work(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "wee"), progress("settings") as bar:
        task, open_end = bar.add_task("done", total=3), bar.add_task("searching", total=None, unit="orders")
        clock.now += 100
        bar.update(task, completed=3)
        assert lines(caplog) == []
        bar.update(open_end, completed=1200)
    assert lines(caplog) == ["searching: 1,200 orders"]


def test_a_terminal_has_a_bar_and_no_lines(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "console", Console(force_terminal=True, quiet=True, get_time=clock))
    with caplog.at_level(logging.INFO, "wee"), progress("steps", refreshes=False) as bar:
        task = bar.add_task("training", total=10)
        clock.now += 1000
        bar.advance(task, 1)
    assert lines(caplog) == []
