"""The tests of bad input run where processes with torch can fork."""

from __future__ import annotations

import sys

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # processes with torch fork on Linux alone
