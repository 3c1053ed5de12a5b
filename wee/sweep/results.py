"""Sweeps on disk: a folder a sweep, keyed by its settings and the entries it read; never overwritten."""

from __future__ import annotations

import glob
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wee.errors import WeeError
from wee.files import checksums, commit_folder, temporary_folder, write_json
from wee.method.policies import PARAMETERS
from wee.sweep.config import BootstrapConfig
from wee.sweep.prices import columns_with_macs, completed
from wee.sweep.rows import COLUMNS, KEYS, POINT, TEXT, width_cells
from wee.sweep.rules import SavedRule
from wee.sweep.validation import COLUMNS as VALIDATION_COLUMNS

log = logging.getLogger("wee")

TABLE, AVERAGES, STORAGE, VALIDATION, RULES, ABOUT = (
    "table.csv", "averages.csv", "storage.csv", "validation.csv", "rules.jsonl", "sweep.json",
)  # fmt: skip

AVERAGED = columns_with_macs([*POINT, "price", "value", "lower", "upper", "low", "high", "count", "seeds"])
"""The columns of `averages.csv`. A point's means, price and value; the ends of the interval of its mean value, lower and
upper; the least and the greatest of the values averaged, low and high; how many they are, count; and the number of members
whose seed noise is in the interval, seeds (0: the sampling error of the test set alone)."""


def save(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    about: Mapping[str, Any],
    rules: Iterable[SavedRule] | None = None,
) -> None:
    """Keep a sweep: all of it appears in one rename.

    Args:
        folder: of the sweep; nothing in an existing one is touched.
        tables: by file name.
        about: what made them.
        rules: the fitted rules; None for none.
    """
    temporary = temporary_folder(folder)
    for name, table in tables.items():
        table.to_csv(temporary / name, index=False)
    if rules is not None:
        with (temporary / RULES).open("w", encoding="utf-8") as file:
            for rule in rules:
                file.write(json.dumps(rule.to_dict(), allow_nan=False) + "\n")
    files = {path.name: checksums(path) for path in sorted(temporary.iterdir())}
    write_json(temporary / ABOUT, {**about, "files": files})
    commit_folder(temporary, folder)


def read_rules(folder: Path) -> list[SavedRule]:
    """The fitted rules of a sweep, one for each setting, in the order of the table.

    Raises:
        WeeError: the sweep has none, or a record cannot be read.
    """
    path = folder / RULES
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise WeeError(f"there are no fitted rules at {path}; sweep again: older versions of wee kept none") from None
    rules = []
    for number, line in enumerate(lines, start=1):
        try:
            rules.append(SavedRule.from_dict(json.loads(line)))
        except (ValueError, WeeError) as error:
            raise WeeError(f"{path}, line {number}: {error}") from None
    return rules


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a sweep whose tables are what was written; a damaged one is set aside, and said so."""
    if not is_sweep(folder):
        return False
    try:
        files = json.loads((folder / ABOUT).read_text())["files"]
        whole = all((folder / name).is_file() and checksums(folder / name) == wanted for name, wanted in files.items())
    except (ValueError, KeyError):
        whole = False
    if not whole:
        aside = folder.with_name(f".{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        folder.rename(aside)
        log.warning(f"the sweep {folder} is damaged; it is set aside as {aside}, and made again now")
    return whole


def touch(folder: Path, labels: Mapping[str, Mapping[str, str]]) -> None:
    """Make a sweep the newest one, and its labels those of today's configs: they are no part of what it is."""
    about = json.loads((folder / ABOUT).read_text())
    if about.get("labels") != labels:
        write_json(folder / ABOUT, {**about, "labels": labels})
    os.utime(folder / ABOUT)


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """What things in a sweep are called on figures, by kind and name; nothing for a table of elsewhere."""
    about = (path if path.is_dir() else path.parent) / ABOUT
    if not about.is_file():
        return {}
    found: dict[str, dict[str, str]] = json.loads(about.read_text()).get("labels", {})
    return found


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds a whole sweep."""
    return (folder / ABOUT).is_file()


def read_table(path: Path) -> pd.DataFrame:
    """The tidy table in a file, or in a sweep's folder.

    Raises:
        WeeError: there is none, or its columns are not those of a table.
    """
    return _read(path / TABLE if path.is_dir() else path, "a table of a sweep", COLUMNS)


def read_averages(paths: list[Path]) -> pd.DataFrame:
    """The points of several sweeps with the intervals of their means, of those sweeps that have them.

    Args:
        paths: folders of sweeps, or their tables.

    Returns:
        The rows of every `averages.csv` that lies beside a table, with the `level` of its sweep's intervals, a share in
        (0, 1). The same point of two sweeps has two rows. Empty where no sweep has intervals.

    Raises:
        WeeError: a file is there, and its columns are not those of averages.
    """
    folders = [path if path.is_dir() else path.parent for path in paths if path.is_dir() or path.name == TABLE]
    parts = [
        _read(folder / AVERAGES, "the averages of a sweep", AVERAGED).assign(level=_level(folder))
        for folder in dict.fromkeys(folders)
        if (folder / AVERAGES).is_file()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*AVERAGED, "level"])


def _read(path: Path, what: str, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(TEXT, "str"), keep_default_na=True)
    except FileNotFoundError:
        raise WeeError(f"there is no table at {path}; make one: wee sweep") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise WeeError(f"{path} is not {what}: {error}") from None
    table = _with_parameters(completed(table))
    missing = [column for column in columns if column not in table]
    if missing:
        raise WeeError(f"{path} is not {what}: it has no column {', '.join(missing)}")
    return table.assign(width=width_cells(table["width"]))


def _with_parameters(table: pd.DataFrame) -> pd.DataFrame:
    """A table with the column `parameters`, which tables of older versions do not have."""
    return table if PARAMETERS in table else table.assign(**{PARAMETERS: None})


def _level(folder: Path) -> float:
    """The level of a sweep's intervals."""
    about = json.loads((folder / ABOUT).read_text()) if is_sweep(folder) else {}
    return float(about.get("bootstrap", {}).get("level", BootstrapConfig.level))


def read_effects(folder: Path) -> pd.DataFrame:
    """What rounded logits change, of a sweep that was asked for it."""
    return pd.read_csv(folder / STORAGE)


def read_validation(paths: Sequence[Path]) -> pd.DataFrame:
    """The study of the validation set's size of a sweep that was asked for one.

    Args:
        paths: of one sweep.

    Raises:
        WeeError: there is none, or there are several sweeps.
    """
    if len(paths) != 1:
        raise WeeError(
            f"a study of the validation set's size is of one sweep, and here are {len(paths)}: give one of them, for "
            f"instance sweeps=[{paths[-1]}]"
        )
    path = paths[0] / VALIDATION if paths[0].is_dir() else paths[0]
    make = "make one: wee sweep +experiment=validation_size, or validation.sizes=[250,1000,5000] with any other sweep"
    if not path.is_file():
        raise WeeError(f"there is no study of the validation set's size at {path}; {make}")
    table = _with_parameters(completed(pd.read_csv(path, dtype=dict.fromkeys(TEXT, "str"))))
    missing = [column for column in VALIDATION_COLUMNS if column not in table]
    if missing:
        raise WeeError(
            f"{path} has no column {', '.join(missing)}, and is no study of the validation set's size; {make}"
        )
    return table.assign(width=width_cells(table["width"]))


def read_tables(paths: list[Path]) -> pd.DataFrame:
    """Several tables as one. The same number in two of them counts once.

    Raises:
        WeeError: two tables give different values for the same setting.
    """
    table = pd.concat([read_table(path).assign(source=str(path)) for path in paths], ignore_index=True)
    table["_value"] = table["value"].round(9)
    rivals = table.drop_duplicates([*KEYS, "_value"]).duplicated(KEYS, keep=False)
    different = table.loc[rivals[rivals].index, "source"].unique() if rivals.any() else []
    if len(different):
        row = table.loc[rivals[rivals].index[0]]
        raise WeeError(
            f"{' and '.join(different[:2])} give different values for {row.metric} of {row.scale}, {row.policy}: "
            f"they are not sweeps over the same logits; give one of them: sweeps=[{different[0]}]"
        )
    return table.drop_duplicates(KEYS).drop(columns=["source", "_value"]).reset_index(drop=True)


def find_sweeps(root: Path, wanted: list[str]) -> list[Path]:
    """The sweeps that a `sweeps` field means, each a folder or a table's file.

    Args:
        root: the folder of sweeps.
        wanted: names of sweeps (the newest of each name), paths, patterns of paths, or "newest".

    Raises:
        WeeError: one of them does not exist.
    """
    found = []
    for one in wanted:
        if one == "newest":
            everything = [folder for folder in root.glob("*/*") if is_sweep(folder)]
            if not everything:
                raise WeeError(f"there is no sweep in {root} yet; make one: wee sweep")
            found.append(max(everything, key=_age))
            continue
        if (root / one).is_dir() and not is_sweep(root / one):
            runs = [folder for folder in (root / one).iterdir() if is_sweep(folder)]
            if runs:
                found.append(max(runs, key=_age))
                continue
        matches = [Path(one)] if Path(one).exists() else [Path(match) for match in sorted(glob.glob(one))]
        if not matches:
            names = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
            known = f" Known: {', '.join(names)}." if names else ""
            raise WeeError(
                f"there is no sweep '{one}' in {root}, and no such file.{known} Make one: wee sweep name={one}"
            )
        found += matches
    return found


def _age(folder: Path) -> float:
    return (folder / ABOUT).stat().st_mtime
