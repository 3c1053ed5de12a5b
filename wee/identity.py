"""Identities: short keys that are equal exactly when what made a thing is equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY_LENGTH = 16
"""Hexadecimal digits of a key: among a million things, the chance of two alike is one in thirty million."""


def key_of(identity: Mapping[str, Any]) -> str:
    """The key of plain data (dicts, lists, strings, numbers), whatever the order of its fields."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]
