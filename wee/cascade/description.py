"""The description of a calibrated cascade: `cascade.json` in its folder. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wee.errors import WeeError
from wee.files import write_json
from wee.method import Rule, rule_from_dict, rule_to_dict
from wee.method.policies.rules import number_to_json

FILE = "cascade.json"
VERSION = 1
"""Version of the description."""


@dataclass(frozen=True)
class StageDescription:
    """One stage of a cascade: a member, or an exit of a member.

    Attributes:
        family, scale, member: the member.
        exit: the number of the exit, counted from 1; None for a network with one output.
        weights: the file of the weights, beside the description; the exits of one member share it.
        sha256: the checksum of that file.
        architecture: what the network is built from, as `wee.models.config.ScaleConfig.identity` gives it.
        transform: how images are prepared, as `wee.data.base.Transform.describe` gives it.
        channels: the number of channels of an image.
        temperature: what the logits are divided by; None for nothing.
        costs: the costs of one sample by name; of an exit, up to that exit.
    """

    family: str
    scale: str
    member: int
    exit: int | None
    weights: str
    sha256: str
    architecture: dict[str, Any]
    transform: dict[str, Any]
    channels: int
    temperature: float | None
    costs: dict[str, float]

    @property
    def name(self) -> str:
        """The name of the stage in messages: "tiny/s1 member 0"."""
        network = f"{self.family}/{self.scale} member {self.member}"
        return network if self.exit is None else f"{network} exit {self.exit}"


@dataclass(frozen=True)
class CascadeDescription:
    """Everything about a calibrated cascade but its weights.

    Attributes:
        dataset: the name of the ID data.
        classes: the names of the classes, in the order of the labels.
        task: what it was calibrated for, for instance "cov@5".
        score: the name of the confidence that decides, and that predictions are accepted by.
        combine: "average" over what has run, or "replace" by the latest.
        stages: the stages, in the order in which they run.
        rule: the rule that decides who goes on.
        threshold: the least final confidence that is accepted; infinite if nothing is.
        chosen: how the setting was chosen, and its numbers on the tuning part, which are optimistic.
        calibrated_on: the entries of the store, the seed of the split, and the sizes of its parts.
        expected: for each labelled split, the coverage, the risk, the average cost and the share of samples that reaches each
            stage, each with an interval.
        certified: the guarantees and their bounds; empty for none.
    """

    dataset: str
    classes: Sequence[str]
    task: str
    score: str
    combine: str
    stages: Sequence[StageDescription]
    rule: Rule
    threshold: float
    chosen: Mapping[str, Any] = field(default_factory=dict)
    calibrated_on: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)
    certified: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The description as strict JSON data."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            "version": VERSION,
            **plain,
            "classes": list(self.classes),
            "stages": [asdict(stage) for stage in self.stages],
            "rule": rule_to_dict(self.rule),
            "threshold": number_to_json(self.threshold),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> CascadeDescription:
        """Read what `to_dict` gives.

        Raises:
            WeeError: the record is of a newer version, or lacks a field.
        """
        version = record.get("version")
        if not isinstance(version, int) or version < 1:
            raise WeeError("it has no version, and is not the description of a cascade")
        if version > VERSION:
            raise WeeError(f"it is of version {version}, and this version of wee reads up to {VERSION}: update wee")
        try:
            fields = {name: record[name] for name in cls.__dataclass_fields__}
            stages = [StageDescription(**stage) for stage in fields.pop("stages")]
            rule, threshold = rule_from_dict(fields.pop("rule")), float(fields.pop("threshold"))
        except (KeyError, TypeError, ValueError) as error:
            raise WeeError(f"it cannot be read: {type(error).__name__}: {error}") from None
        return cls(**fields, stages=stages, rule=rule, threshold=threshold)

    def save(self, folder: Path) -> None:
        """Write the description into a folder."""
        write_json(folder / FILE, self.to_dict())

    @classmethod
    def load(cls, folder: Path) -> CascadeDescription:
        """Read the description of a folder, and check that the files of its weights are those that it was calibrated with.

        Raises:
            WeeError: the folder is not that of a cascade, its description cannot be read, or a file is missing or changed.
        """
        path = folder / FILE
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise WeeError(
                f"{folder} is not the folder of a cascade: it has no {FILE}; make one: wee calibrate"
            ) from None
        except ValueError as error:
            raise WeeError(f"{path} is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise WeeError(f"{path} is not the description of a cascade")
        try:
            description = cls.from_dict(record)
        except WeeError as error:
            raise WeeError(f"{path}: {error}") from None
        for stage in description.stages:
            file = folder / stage.weights
            if not file.is_file():
                raise WeeError(f"{folder} has no file {stage.weights}, the weights of {stage.name}")
            if checksum(file) != stage.sha256:
                raise WeeError(
                    f"{file} has changed since the cascade was calibrated: its checksum is not that in {FILE}. The thresholds "
                    "are for other weights; calibrate again: wee calibrate"
                )
        return description


def checksum(file: Path) -> str:
    """The SHA-256 checksum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
