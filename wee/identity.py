"""Short keys that identify results by everything that they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY_LENGTH = 16
"""Number of hexadecimal digits of a key. Among a million keys, the chance of a collision is one in thirty million."""


def key_of(identity: Mapping[str, Any]) -> str:
    """Return the key of plain data (dicts, lists, strings, numbers); the order of fields does not matter."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]
