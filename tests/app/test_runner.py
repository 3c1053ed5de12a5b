"""What a job knows of the multirun that it belongs to."""

from __future__ import annotations

import pytest

from wee.machine import AT_ONCE, jobs_at_once


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("1", 1), ("0", 1), ("", 1), ("many", 1)])
def test_a_launcher_says_how_many_jobs_run_at_once(monkeypatch: pytest.MonkeyPatch, value: str, expected: int) -> None:
    monkeypatch.setenv(AT_ONCE, value)
    assert jobs_at_once() == expected


def test_without_a_launcher_there_is_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AT_ONCE, raising=False)
    assert jobs_at_once() == 1
