"""What Weights & Biases writes in an offline run."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HEADER, _BLOCK = 7, 32768
_WHOLE, _LAST = 1, 4
"""The kinds of chunks that end a record, in the log format of LevelDB, in which the files are written."""


@dataclass
class OfflineRun:
    """An offline run.

    Attributes:
        project, name, group: how it is listed.
        config: the hyperparameters.
        history: the values of each logging step, in their order.
        exit_code: None if the run has not ended.
    """

    project: str = ""
    name: str = ""
    group: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None


def read_run(file: Path) -> OfflineRun:
    """Read the `.wandb` file of an offline run."""
    from wandb.proto import wandb_internal_pb2

    run = OfflineRun()
    for content in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.project, run.name, run.group = record.run.project, record.run.display_name, record.run.run_group
        elif kind == "config":
            run.config |= {update.key: json.loads(update.value_json) for update in record.config.update}
        elif kind == "history":
            run.history.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item})
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _records(content: bytes) -> Iterator[bytes]:
    """Yield the records: chunks in blocks, each chunk with a checksum, its length and its kind in front."""
    assert content[:4] == b":W&B"
    position, record = _HEADER, b""
    while position < len(content):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        record += content[position + _HEADER : position + _HEADER + length]
        position += _HEADER + length
        if kind in (_WHOLE, _LAST):
            yield record
            record = b""
