"""What things are called on figures: the labels of their configs, which travel with a sweep; else their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Labels:
    """Labels by name.

    Attributes:
        families, oods: of families and OOD sets.
        scales: of "family/scale".
    """

    families: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    oods: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: Iterable[Mapping[str, Mapping[str, str]]]) -> Labels:
        """The labels of several sweeps; of two for one thing, the later."""
        merged: dict[str, dict[str, str]] = {"families": {}, "scales": {}, "oods": {}}
        for part in parts:
            for kind, known in merged.items():
                known |= part.get(kind, {})
        return cls(**merged)

    def family(self, name: str) -> str:
        """Of one family, or of the families "one+other" of a cascade."""
        return " + ".join(self.families.get(one) or one.replace("_", " ") for one in name.split("+"))

    def scale(self, family: str, name: str) -> str:
        """Of one scale, or of the scales "small>large" of a cascade, each "scale" or "family/scale"."""
        keys = [one if "/" in one else f"{family}/{one}" for one in name.split(">")]
        return " > ".join(self.scales.get(key) or key.split("/", 1)[1].replace("_", "-") for key in keys)

    def ood(self, name: str) -> str:
        """Of an OOD set."""
        return self.oods.get(name) or name.replace("_", " ")
