"""Versions of Python and of packages, which are saved with results."""

from __future__ import annotations

import platform


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, by name."""
    from importlib.metadata import version

    names = ("wee", "torch", "timm", "lightning", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
