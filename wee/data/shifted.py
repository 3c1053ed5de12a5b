"""Typed config of labelled test sets from another distribution. Imports no torch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from wee.app.fields import as_list
from wee.data.config import LabelledConfig
from wee.data.images.config import ImagesConfig
from wee.errors import WeeError


@dataclass
class ShiftedConfig(ImagesConfig):
    """Image files of the ID data's classes from another distribution; or several such sets, one for each choice of words.

    Attributes:
        vary: Lists of words, by name. `root` or `test` contains {name}. There is a set for each word in the list (for each
            combination, if there are several names), called NAME-WORD.
    """

    kind: str = "shifted"
    vary: dict[str, Any] = field(default_factory=dict)

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return the same set with the channels and the number of classes of the ID data."""
        return replace(super().beside(dataset), classes=dataset.classes)

    def variants(self) -> dict[str, Self]:
        """Return the sets, by the words that distinguish them, joined by "-".

        Raises:
            WeeError: a name of `vary` occurs neither in `root` nor in `test`.
        """
        for name in self.vary:
            if not any(f"{{{name}}}" in place for place in (self.root, *self.places("test"))):
                raise WeeError(f"shift {self.name}.vary has {name}, but neither root nor test has {{{name}}} in it")
        sets = {}
        for words in itertools.product(*(as_list(words) for words in self.vary.values())):
            chosen = {f"{{{name}}}": str(word) for name, word in zip(self.vary, words, strict=True)}
            places = [_filled(place, chosen) for place in self.places("test")]
            sets["-".join(map(str, words))] = replace(self, root=_filled(self.root, chosen), test=places, vary={})
        return sets


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(name, word)
    return text
