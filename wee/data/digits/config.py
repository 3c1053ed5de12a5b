"""Typed config of the digits. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.data.config import LabelledConfig
from wee.data.draws.config import VERSION, PerturbationConfig
from wee.data.splits import PARTS, Part
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split

_DIGITS = range(10)
_STREAMS = {"train": 1, "val": 2, "test": 3}
_OTHER_STREAM = 4


@dataclass
class DigitsConfig(LabelledConfig):
    """Scanned digits (scikit-learn's `load_digits`), made hard by corruption.

    Attributes:
        digits: The digits among 0 to 9 that are used; they become classes 0, 1, .. in this order.
        base_images: The number of 8x8 originals in each split; no original is in two splits.
        draws: The number of corrupted draws of each original, by split.
        seed: The seed of the assignment to splits and of the draws.
        corruption: The strength of the corruption.
    """

    kind: str = "digits"
    channels: int = 1
    classes: int = 0  # counted from the digits
    digits: list[int] = MISSING
    base_images: dict[str, int] = MISSING
    draws: dict[str, int] = MISSING
    seed: int = 0
    corruption: PerturbationConfig = field(default_factory=PerturbationConfig)

    def __post_init__(self) -> None:
        self.classes = len(self.digits)
        if not self.digits or not set(self.digits) <= set(_DIGITS):
            raise WeeError(f"digits are {self.digits}: choose one or more of 0 to 9")

    def class_names(self) -> list[str]:
        """Return the digits as text."""
        return [str(digit) for digit in self.digits]

    def identity(self, split: Part) -> dict[str, Any]:
        """Return plain data that determines the samples of a split."""
        parts = {"kind": self.kind, "digits": self.digits, "split": split, "dealt": list(self._dealt(split))}
        drawing = {"draws": self.draws[split], "seed": self.seed, "corruption": asdict(self.corruption)}
        return {**parts, **drawing, "version": VERSION}

    def split(self, name: Part) -> Split:
        """Return one split. Its images are generated on first use.

        Raises:
            WeeError: there is no such split, or there are fewer originals than the splits need.
        """
        from wee.data.digits.originals import Originals
        from wee.data.draws.split import PerturbedDraws

        identity = self.identity(name)
        originals, wanted = Originals.of(self.digits), sum(self.base_images.values())
        if wanted > len(originals):
            raise WeeError(
                f"{self.name}.base_images wants {wanted} originals, but digits {self.digits} have {len(originals)}"
            )
        dealt = originals.deal(self.seed, *self._dealt(name))
        seed = [self.seed, _STREAMS.get(name, _OTHER_STREAM)]
        return PerturbedDraws(
            identity, dealt.images, dealt.names, dealt.labels, self.draws[name], seed, self.corruption
        )

    def _dealt(self, split: str) -> tuple[int, int]:
        """Return the start of a split's originals in the shuffled sequence of all originals, and their number."""
        if split not in self.base_images or split not in self.draws:
            raise unknown("split", split, self.base_images, of=f"data set {self.name}")
        rank: dict[str, int] = {name: place for place, name in enumerate(PARTS)}
        splits = sorted(self.base_images, key=lambda name: (rank.get(name, len(rank)), name))
        return sum(self.base_images[earlier] for earlier in splits[: splits.index(split)]), self.base_images[split]
