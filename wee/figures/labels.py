"""What things are called on figures: the labels of their configs, which travel with a sweep, or else their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wee.sweep.rows import FAMILIES, SCALES


@dataclass(frozen=True)
class Labels:
    """Labels of families, scales and OOD sets.

    Attributes:
        families: Labels of families, by name.
        scales: Labels of scales, by "family/scale".
        oods: Labels of OOD sets, by name.
    """

    families: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    oods: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: Iterable[Mapping[str, Mapping[str, str]]]) -> Labels:
        """Merge the labels of several sweeps; where two sweeps label the same thing, the later label holds."""
        merged: dict[str, dict[str, str]] = {"families": {}, "scales": {}, "oods": {}}
        for part in parts:
            for kind, known in merged.items():
                known |= part.get(kind, {})
        return cls(**merged)

    def family(self, name: str) -> str:
        """The label of a family, or of the families "first+second" of a cascade."""
        return " + ".join(self.families.get(part) or part.replace("_", " ") for part in FAMILIES.read(name))

    def scale(self, family: str, name: str) -> str:
        """The label of a scale, or of the scales "small>large" of a cascade, each "scale" or "family/scale"."""
        keys = [part if "/" in part else f"{family}/{part}" for part in SCALES.read(name)]
        return " > ".join(self.scales.get(key) or key.split("/", 1)[1].replace("_", "-") for key in keys)

    def ood(self, name: str) -> str:
        """The label of an OOD set."""
        return self.oods.get(name) or name.replace("_", " ")
