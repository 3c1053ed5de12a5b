"""The description of a calibrated cascade: `cascade.json` in its folder. Imports no torch."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from wee.data.splits import TEST
from wee.errors import WeeError
from wee.files import write_json
from wee.method import Rule, rule_from_dict, rule_to_dict
from wee.method.policies.rules import number_to_json
from wee.records import check_fields, fits, not_finite

FILE = "cascade.json"
VERSION = 1
"""Version of the description."""

_CHECKSUM = "sha256"
_REPAIR = "Calibrate again, in its place: wee calibrate .. overwrite=true"


@dataclass(frozen=True)
class StageDescription:
    """One stage of a cascade: a member, or an exit of a member.

    Attributes:
        family, scale, member: the member.
        exit: the number of the exit, counted from 1; None for a network with one output.
        weights: the file of the weights, beside the description; the exits of one member share it. Empty if the network is
            known by imported logits alone; there is then no checksum, architecture and transform either.
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
class Estimate:
    """A number with its bootstrap interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Expectation:
    """The numbers of a cascade at its acceptance threshold on some samples.

    Attributes:
        samples, groups: the numbers of samples, and of groups of dependent samples.
        level: the coverage of the intervals, in (0, 1).
        coverage: the share of samples that is accepted.
        risk: the share of errors among the accepted; 0 if nothing is accepted.
        accuracy: the share of correct predictions among all samples.
        cost: the average cost of a sample.
        reaching: the share of samples that reaches each stage.
    """

    samples: int
    groups: int
    level: float
    coverage: Estimate
    risk: Estimate
    accuracy: Estimate
    cost: Estimate
    reaching: Sequence[Estimate]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Expectation:
        """Read what `dataclasses.asdict` returns."""
        numbers: dict[str, Any] = {}
        for name, value in record.items():
            numbers[name] = Estimate(**value) if isinstance(value, Mapping) else value
        return cls(**{**numbers, "reaching": [Estimate(**share) for share in record["reaching"]]})


@dataclass(frozen=True)
class Guarantee:
    """One guarantee.

    Attributes:
        name: a field of `wee.cascade.config.GuaranteeConfig`.
        limit: what is not to be exceeded.
        bound: the upper confidence limit at the tested threshold.
        holds: whether it is certified.
        losses, samples: the numbers of losses and samples of the test; None for a cost.
        p_value: the p-value of the test; None for a cost.
    """

    name: str
    limit: float
    bound: float
    holds: bool
    losses: int | None = None
    samples: int | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Certification:
    """What is certified of a cascade.

    Attributes:
        delta: the probability that any of the guarantees fails.
        samples: the number of independent certification samples.
        guarantees: the guarantees that were asked for.
        refusal: why not all of them could be certified, and what could be; None if all are.
        assumption: on what they rest.
        note: what was changed for their sake, as a sentence; None if nothing was.
    """

    delta: float
    samples: int
    guarantees: Sequence[Guarantee]
    refusal: str | None = None
    assumption: str = "certification samples and future data are independent draws from one distribution"
    note: str | None = None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Certification:
        """Read what `dataclasses.asdict` returns."""
        return cls(**{**record, "guarantees": [Guarantee(**guarantee) for guarantee in record["guarantees"]]})


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
        summing_order: a number for each stage: outputs are summed in ascending order of these numbers, as in the sweep.
        rule: the rule that decides who goes on.
        acceptance: the least final confidence that is accepted; infinite if nothing is.
        chosen: how the setting was chosen: the budget, the target, or the record of a setting of a sweep with its saved rule;
            its value of the task, and its average cost.
        tuning: its numbers on the tuning samples. They are optimistic, because the setting was chosen there.
        calibrated_on: the entries of the store, the seed of the split, and the sizes of its parts.
        expected: its numbers on the test set and on each shifted test set, by the name of the split.
        certified: the guarantees and their bounds; None if none was asked for.
        resizes_bytes: whether the images that it was calibrated on were resized as 8-bit pixels, by Pillow, or as
            floating-point numbers. Image files are resized in the same way, because the results differ.
    """

    dataset: str
    classes: Sequence[str]
    task: str
    score: str
    combine: str
    stages: Sequence[StageDescription]
    summing_order: Sequence[int]
    rule: Rule
    acceptance: float
    chosen: Mapping[str, Any]
    calibrated_on: Mapping[str, Any]
    tuning: Expectation
    expected: Mapping[str, Expectation]
    certified: Certification | None = None
    resizes_bytes: bool = True

    @property
    def runs(self) -> bool:
        """Whether the networks are known, so that the cascade can run."""
        return all(stage.weights for stage in self.stages)

    def cost_of_leaving(self, cost: str) -> list[float]:
        """Return the cost of a sample that leaves at each stage: that of an exit, or the sum over the networks so far."""
        costs = [stage.costs[cost] for stage in self.stages]
        return costs if self.stages[0].exit is not None else list(itertools.accumulate(costs))

    def to_dict(self) -> dict[str, Any]:
        """The description as strict JSON data."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            "version": VERSION,
            **plain,
            "classes": list(self.classes),
            "summing_order": list(self.summing_order),
            "stages": [asdict(stage) for stage in self.stages],
            "rule": rule_to_dict(self.rule),
            "acceptance": number_to_json(self.acceptance),
            "tuning": asdict(self.tuning),
            "expected": {split: asdict(numbers) for split, numbers in self.expected.items()},
            "certified": None if self.certified is None else asdict(self.certified),
        }

    def about(self) -> dict[str, Any]:
        """Return what holds of the cascade in any format that it is exported to, as strict JSON data."""
        kept = (
            "dataset", "classes", "task", "score", "summing_order", "chosen", "expected", "certified", "resizes_bytes",
        )  # fmt: skip
        return {name: value for name, value in self.to_dict().items() if name in kept}

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
        _check(record)
        try:
            fields = {name: record[name] for name in cls.__dataclass_fields__ if name != "resizes_bytes"}
            fields["resizes_bytes"] = record.get("resizes_bytes", True)  # cascades of earlier versions do not have it
            stages = [StageDescription(**stage) for stage in fields.pop("stages")]
            fields |= {"rule": rule_from_dict(fields["rule"]), "acceptance": float(fields["acceptance"])}
            fields["tuning"] = Expectation.from_dict(fields["tuning"])
            fields["expected"] = {split: Expectation.from_dict(part) for split, part in fields["expected"].items()}
            if fields["certified"] is not None:
                fields["certified"] = Certification.from_dict(fields["certified"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeeError(f"it cannot be read: {type(error).__name__}: {error}") from None
        return cls(**fields, stages=stages)

    def save(self, folder: Path) -> None:
        """Write the description into a folder, with its checksum."""
        record = self.to_dict()
        write_json(folder / FILE, {**record, _CHECKSUM: _checksum_of(record)})

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
            raise WeeError(f"{path} is not JSON: {error}. {_REPAIR}") from None
        if not isinstance(record, dict):
            raise WeeError(f"{path} is not the description of a cascade. {_REPAIR}")
        written = record.pop(_CHECKSUM, None)  # cascades of earlier versions have none
        try:
            description = cls.from_dict(record)
        except WeeError as error:
            raise WeeError(f"{path}: {error}. {_REPAIR}") from None
        if written is not None and written != _checksum_of(record):
            raise WeeError(f"{path} has changed since it was written: its checksum differs. {_REPAIR}")
        for stage in description.stages:
            if not stage.weights:
                continue
            file = folder / stage.weights
            if not file.is_file():
                raise WeeError(f"{folder} has no file {stage.weights}, the weights of {stage.name}. {_REPAIR}")
            if checksum(file) != stage.sha256:
                raise WeeError(
                    f"{file} has changed since the cascade was calibrated: its checksum is not that in {FILE}. The thresholds "
                    f"are for other weights. {_REPAIR}"
                )
        return description


def _check(record: Mapping[str, Any]) -> None:
    """Check the types of everything in the record of a cascade but its rule, which checks itself.

    Raises:
        WeeError: something is missing, or has another type; the message names it.
    """
    plain = {**record, "acceptance": 0.0 if fits(record.get("acceptance"), float | str) else None}
    check_fields(CascadeDescription, plain, "it")
    for place, stage in enumerate(record["stages"], start=1):
        check_fields(StageDescription, stage, f"stage {place}")
        if (key := not_finite(stage)) is not None or Path(stage["weights"]).name != stage["weights"]:
            raise WeeError(f"stage {place} has a wrong {key or 'weights, the name of a file beside the description'}")
    if not record["stages"] or not record["classes"]:
        raise WeeError("it has no stages, or no classes")
    if len(set(record["summing_order"])) != len(record["stages"]) or len(record["summing_order"]) != len(
        record["stages"]
    ):
        raise WeeError(f"summing_order is {record['summing_order']}: it has another number for each stage")
    if not isinstance(record["expected"], Mapping) or str(TEST) not in record["expected"]:
        raise WeeError(f"it has no expected numbers on {TEST}")
    for name, numbers in (("tuning", record["tuning"]), *record["expected"].items()):
        check_fields(Expectation, numbers, f"expected {name}")
        for key in (field.name for field in fields(Expectation) if field.type == Estimate.__name__):
            check_fields(Estimate, numbers[key], f"{key} on {name}")
        for share in numbers["reaching"]:
            check_fields(Estimate, share, f"reaching on {name}")
        if len(numbers["reaching"]) != len(record["stages"]):
            raise WeeError(f"reaching on {name} has not one share for each stage")
        if not 1 <= numbers["groups"] <= numbers["samples"]:
            raise WeeError(
                f"{name} has {numbers['samples']} samples in {numbers['groups']} groups: there are 1 or more groups, and at "
                "most as many as samples"
            )
        for key, share in (("coverage", numbers["coverage"]), *(("reaching", share) for share in numbers["reaching"])):
            if not 0 <= share["value"] <= 1:
                raise WeeError(f"{key} on {name} is {share['value']}: it is a share in [0, 1]")
    certified = record.get("certified")
    if certified is not None:
        check_fields(Certification, certified, "certified")
        for guarantee in certified["guarantees"]:
            check_fields(Guarantee, guarantee, "a guarantee")
    cost = record["chosen"].get("cost")
    if not isinstance(cost, str) or any(cost not in stage["costs"] for stage in record["stages"]):
        raise WeeError(f"chosen.cost is {cost!r}: it is a cost that every stage has")
    if not isinstance(record["calibrated_on"].get("key"), str):
        raise WeeError("calibrated_on has no key")


def _checksum_of(record: Mapping[str, Any]) -> str:
    """Return the checksum of a description that does not contain it."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def checksum(file: Path) -> str:
    """The SHA-256 checksum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
