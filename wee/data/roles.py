"""Conversion of composed configs to the configs of ID data, OOD sets and shifted test sets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wee.app.typed import to_object
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.kinds import DATA_KINDS, Role
from wee.errors import WeeError

_WORDS: dict[Role, str] = {
    "dataset": "ID data with classes to learn",
    "ood": "an OOD set",
    "shift": "a shifted test set",
}


def labelled(config: Any, where: str = "dataset") -> LabelledConfig:
    """Return the typed config of the in-distribution (ID) data set.

    Args:
        config: the composed config of the data set.
        where: the key of this config, for messages.

    Raises:
        WeeError: the config is invalid for its kind of data set, or data sets of that kind have no classes.
    """
    dataset = _read(config, where, "dataset")
    assert isinstance(dataset, LabelledConfig)
    return dataset


def ood_sets(configs: Mapping[str, Any] | None, dataset: LabelledConfig) -> dict[str, DatasetConfig]:
    """Return the OOD sets of a composed config, by name.

    Args:
        configs: the composed config of each set, by name.
        dataset: the ID data.

    Raises:
        WeeError: a config does not fit its kind, or the kind cannot be an OOD set.
    """
    return {str(name): _read(config, f"ood.{name}", "ood").beside(dataset) for name, config in (configs or {}).items()}


def shifted_sets(configs: Mapping[str, Any] | None, dataset: LabelledConfig) -> dict[str, DatasetConfig]:
    """Return the labelled shifted test sets of a composed config, by name.

    Args:
        configs: the composed config of each set, by name.
        dataset: the ID data, whose classes the sets have.

    Raises:
        WeeError: a config does not fit its kind, or the kind cannot be a shifted test set.
    """
    sets: dict[str, DatasetConfig] = {}
    for name, config in (configs or {}).items():
        variants = _read(config, f"shift.{name}", "shift").beside(dataset).variants()
        sets |= {"-".join(filter(None, (str(name), words))): variant for words, variant in variants.items()}
    return sets


def _read(config: Any, where: str, role: Role) -> DatasetConfig:
    """Convert a composed config to the dataclass that its `kind` names.

    Raises:
        WeeError: there is no such kind, the config does not fit it, or the kind cannot have the role.
    """
    plain = OmegaConf.to_container(config) if isinstance(config, DictConfig) else config
    if not isinstance(plain, Mapping) or plain.get("kind") is None:
        raise WeeError(
            f"{where} has no kind: give {where}.kind, one of {', '.join(DATA_KINDS)}, or module:Name of your own"
        )
    try:
        kind = DATA_KINDS.find(str(plain["kind"]))
    except WeeError as error:
        raise WeeError(f"{where}.kind: {error}") from None
    if role not in kind.roles:
        others = " or ".join(_WORDS[other] for other in kind.roles)
        able = ", ".join(name for name, candidate in DATA_KINDS.items() if role in candidate.roles)
        raise WeeError(
            f"{where}.kind is {kind.name}, which serves as {others}, not as {_WORDS[role]}; choose from {able}"
        )
    return to_object(kind.config, plain, where)
