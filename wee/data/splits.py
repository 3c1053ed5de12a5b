"""Names of splits. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from wee.errors import unknown

Part = Literal["train", "val", "test"]
"""The parts of one data set. Of an OOD set or a shifted test set, only the test part is used."""

PARTS: tuple[Part, ...] = get_args(Part)

Kind = Literal["train", "val", "test", "ood", "shift"]
"""A part of the ID data, an OOD set, or a labelled test set of the same classes from another distribution."""


@dataclass(frozen=True, order=True)
class SplitName:
    """The name of a split: a part of the ID data, an OOD set or a shifted test set.

    As text it is "val", "ood-NAME" or "shift-NAME". The text is used for folders of the store, in columns of tables and in
    messages; all other code uses objects of this class.

    Attributes:
        kind: the part of the ID data, "ood", or "shift" for a shifted test set.
        name: the name of the OOD set or the shifted test set; empty for a part of the ID data.

    Raises:
        WeeError: there is no such kind, an OOD set or a shifted test set has no name, or a part of the ID data has one.

    Example:
        >>> str(SplitName.ood("photos"))
        'ood-photos'
        >>> SplitName.parse("shift-fog-3")
        SplitName(kind='shift', name='fog-3')
    """

    kind: Kind
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or (self.kind in PARTS) == bool(self.name):
            raise unknown("split", self, [*PARTS, "ood-NAME", "shift-NAME"])

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}" if self.name else self.kind

    @classmethod
    def ood(cls, name: str) -> SplitName:
        """Return the split of the OOD set with a name."""
        return cls("ood", name)

    @classmethod
    def shifted(cls, name: str) -> SplitName:
        """Return the split of the shifted test set with a name."""
        return cls("shift", name)

    @classmethod
    def parse(cls, text: str) -> SplitName:
        """Parse the text of a split's name.

        Raises:
            WeeError: the text is not the name of a split.
        """
        kind, _, name = text.partition("-")
        return cls(cast("Kind", kind), name)

    @property
    def part(self) -> Part:
        """The part of its data set that the split is."""
        return "test" if self.kind == "ood" or self.kind == "shift" else self.kind


TRAIN, VAL, TEST = SplitName("train"), SplitName("val"), SplitName("test")
