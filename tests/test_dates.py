"""Times at which results were made."""

from __future__ import annotations

import math
import time

import pytest

from wee.dates import instant, timestamp


def test_a_timestamp_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("UTC0", "EST5", "NPT-5:45"):
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            before = int(time.time())
            assert before <= instant(timestamp()) <= time.time()
    time.tzset()


def test_instants_of_different_zones_are_compared() -> None:
    assert instant("2026-01-01T09:00:00+0900") == instant("2026-01-01T00:00:00+0000") == instant("2026-01-01")
    assert instant("2026-01-01T09:00:00+0900") < instant("2026-01-01T01:00:00Z") < instant("2025-12-31T23:00:00-0800")


@pytest.mark.parametrize("written", ["", "yesterday", None, "2026-13-01"])
def test_what_is_no_time_counts_as_the_oldest(written: object) -> None:
    assert instant(written) == -math.inf
