"""Times at which results were made, as they are saved with them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def timestamp() -> str:
    """Return the current local time with its offset from UTC, in ISO format and to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def instant(written: object) -> float:
    """Return the instant that a timestamp names, in seconds since the epoch.

    Timestamps of different time zones can only be compared as instants, not as text.

    Args:
        written: a time in ISO format. Without an offset, it is taken as UTC.

    Returns:
        The instant; minus infinity if the text is no time, so that what has no known time counts as the oldest.
    """
    try:
        moment = datetime.fromisoformat(str(written))
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return float("-inf")
