"""The costs that are kept beside an entry: one small JSON file for each, named after the cost and its conditions."""

from __future__ import annotations

import json
import logging
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wee.files import write_json
from wee.identity import KEY_LENGTH, key_of

log = logging.getLogger("wee")

FOLDER = "costs"
"""The folder within an entry that holds its costs."""

_CHECKSUM = "crc32"


@dataclass(frozen=True)
class MeasuredCost:
    """The cost of one sample for the member of an entry.

    Attributes:
        name: name of the cost in the catalogue of costs, or the name of a plug-in.
        values: the cost of a sample; for a multi-exit member, the cost of a sample that leaves at each exit.
        conditions: what the values depend on besides the member, as plain data; empty if they depend on nothing else.
        created: when the cost was measured, in ISO format; empty if that is not known.
        versions: versions of the software that measured it.
    """

    name: str
    values: Sequence[float]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the file of the cost, which depends on its name and conditions."""
        key = key_of({"name": self.name, "conditions": dict(self.conditions)})
        return f"{_stem(self.name)}-{key}.json"

    def is_like(self, name: str, conditions: Mapping[str, Any]) -> bool:
        """Return whether the cost has a name and at least some conditions."""
        return self.name == name and all(
            key in self.conditions and self.conditions[key] == value for key, value in conditions.items()
        )


def read_costs(entry: Path, name: str | None = None) -> list[MeasuredCost]:
    """Read the measured costs in the folder of an entry, sorted by file name.

    Args:
        entry: the folder of the entry.
        name: name of the costs to read; None for all.

    Raises:
        ValueError: a file is damaged; the message names it.
    """
    costs = [_read(path) for path in _files(entry, "*" if name is None else _stem(name))]
    return [cost for cost in costs if name in (None, cost.name)]


def write_cost(entry: Path, cost: MeasuredCost) -> None:
    """Write a cost beside an entry; the file is written atomically."""
    content = asdict(cost)
    write_json(entry / FOLDER / cost.file, {**content, _CHECKSUM: _checksum(content)})


def set_damaged_aside(entry: Path) -> None:
    """Rename the damaged cost files of an entry, so that the costs can be measured again."""
    for path in _files(entry, "*"):
        try:
            _read(path)
        except ValueError as error:
            aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            path.rename(aside)
            log.warning(f"{error}; it is set aside as {aside}")


def _stem(name: str) -> str:
    """Return the name of a cost, with characters replaced that file names cannot contain on every system."""
    return re.sub(r"[^A-Za-z0-9_.-]", ".", name)


def _files(entry: Path, stem: str) -> list[Path]:
    files = (entry / FOLDER).glob(f"{stem}-{'[0-9a-f]' * KEY_LENGTH}.json")
    return sorted(path for path in files if not path.name.startswith("."))


def is_cost(file: str, content: bytes) -> bool:
    """Return whether bytes are the undamaged content of a cost's file of a name."""
    try:
        _parse(content, file)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _read(path: Path) -> MeasuredCost:
    try:
        return _parse(path.read_bytes(), path.name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the cost {path} is damaged ({error})") from None


def _parse(encoded: bytes, file: str) -> MeasuredCost:
    """Read the content of a cost's file.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is damaged.
    """
    content = json.loads(encoded)
    if content.pop(_CHECKSUM) != _checksum(content):
        raise ValueError("its checksum differs")
    cost = MeasuredCost(**content)
    if cost.file != file:
        raise ValueError(f"it belongs into {cost.file}")
    return cost


def _checksum(content: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
