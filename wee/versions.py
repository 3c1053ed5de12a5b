"""Versions worth remembering beside a result."""

from __future__ import annotations

import platform


def versions() -> dict[str, str]:
    """Versions worth remembering beside a result."""
    from importlib.metadata import version

    names = ("wee", "torch", "timm", "lightning", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
