"""What docstrings of configs say about their fields."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Sequence


def attributes_help(schema: type, names: Sequence[str] | None = None) -> dict[str, str]:
    """Return what the docstring of a config says about its fields, by name.

    Args:
        schema: the dataclass.
        names: the fields; None for all that the docstring describes.
    """
    _, _, section = inspect.cleandoc(schema.__doc__ or "").partition("\nAttributes:\n")
    described: dict[str, str] = {}
    key = ""
    for line in section.splitlines():
        match = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if match:
            key = match[1]
            described[key] = match[2]
        elif line.startswith(" " * 8) and key:
            described[key] += f" {line.strip()}"
        else:
            break
    return {name: described.get(name, "") for name in (names if names is not None else described)}


def field_texts(schema: type) -> dict[str, str]:
    """Return what the docstrings of a config and of its base classes say about each of its fields, by name.

    Args:
        schema: the dataclass. A text that is written for several fields ("mean, std: ..") belongs to each of them.

    Returns:
        A text for each field, in the order of the fields; empty where no docstring has one.
    """
    written: dict[str, str] = {}
    for base in reversed(schema.__mro__):
        if dataclasses.is_dataclass(base):
            written |= {name: text for names, text in attributes_help(base).items() for name in names.split(", ")}
    return {field.name: written.get(field.name, "") for field in dataclasses.fields(schema)}
