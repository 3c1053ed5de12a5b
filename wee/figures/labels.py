"""The labels that figures use: those from the configs, which are kept with a sweep, and names where there is no label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from wee.costs import COSTS, amount, heading
from wee.costs.given import may_be_given
from wee.data.splits import TEST, VAL, SplitName
from wee.sweep.cells import FAMILIES, SCALES


@dataclass(frozen=True)
class Labels:
    """Labels of families, scales, OOD sets, shifted test sets and costs.

    Attributes:
        families: Labels of families, by name.
        scales: Labels of scales, by "family/scale".
        oods: Labels of OOD sets, by name.
        shifts: Labels of shifted test sets, by name.
        costs: Labels of costs, by name.
        units: Units of costs, by name; "" for a cost that is a count.
    """

    families: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    oods: Mapping[str, str] = field(default_factory=dict)
    shifts: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: Iterable[Mapping[str, Mapping[str, str]]]) -> Labels:
        """Merge the labels of several sweeps; if two sweeps label the same thing, the later label is used."""
        merged: dict[str, dict[str, str]] = {kind.name: {} for kind in fields(cls)}
        for part in parts:
            for kind, labels in merged.items():
                labels |= part.get(kind, {})
        return cls(**merged)

    def family(self, name: str) -> str:
        """Return the label of a family, or of the families "first+second" of a cascade."""
        return " + ".join(self.families.get(part) or part.replace("_", " ") for part in FAMILIES.read(name))

    def scale(self, family: str, name: str) -> str:
        """Return the label of a scale, or of the scales "small>large" of a cascade, each "scale" or "family/scale"."""
        keys = [part if "/" in part else f"{family}/{part}" for part in SCALES.read(name)]
        return " > ".join(self.scales.get(key) or key.split("/", 1)[1].replace("_", "-") for key in keys)

    def ood(self, name: str) -> str:
        """Return the label of an OOD set."""
        return self.oods.get(name) or name.replace("_", " ")

    def split(self, text: str) -> str:
        """Return the label of a labelled split, such as "ImageNet-C, fog-3" for "shift-imagenet_c-fog-3".

        It is empty for the test set, which a figure shows unless it says otherwise.
        """
        if text in ("", str(TEST)):
            return ""
        split = SplitName.parse(text)
        if split.kind != "shift":
            return "validation set" if split == VAL else text
        return self.shifts.get(split.name) or split.name.replace("_", " ")

    def cost(self, name: str) -> str:
        """Return the label of a cost: "MACs". Those of plug-ins come with the sweep alone."""
        return self.costs.get(name) or (COSTS.find(name).label if may_be_given(name) else name)

    def average(self, name: str) -> str:
        """Return the label of an axis of average costs: "average MACs", "average energy (J)"."""
        return heading(f"average {self.cost(name)}", self._unit(name))

    def amount(self, name: str, value: float) -> str:
        """Return an amount of a cost as text: "1.2 M MACs", "3.1 J"."""
        return amount(value, self.cost(name), self._unit(name))

    def _unit(self, name: str) -> str:
        return self.units.get(name, COSTS.find(name).unit if may_be_given(name) else "")
