"""Results of sweeps on disk: one folder for each sweep, keyed by its settings and the store entries that it read.

A folder is never overwritten.
"""

from __future__ import annotations

import glob
import json
import logging
import os
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.errors import WeeError
from wee.files import checksums, commit_folder, staged, write_json
from wee.method.curves import OOD_SHARE
from wee.method.policies import PARAMETERS
from wee.records import fits
from wee.sweep.cells import width_cells
from wee.sweep.config import BootstrapConfig
from wee.sweep.floor import mark_floor
from wee.sweep.prices import columns_with_macs, completed
from wee.sweep.rows import COLUMNS, KEYS, POINT, TEXT
from wee.sweep.rules import SavedRule
from wee.sweep.validation import COLUMNS as VALIDATION_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("wee")

TABLE, AVERAGES, DIFFERENCES, STORAGE, VALIDATION, RULES, ABOUT = (
    "table.csv", "averages.csv", "differences.csv", "storage.csv", "validation.csv", "rules.jsonl", "sweep.json",
)  # fmt: skip

MADE_BY = "command"
"""The field of `sweep.json` with the command line that made the sweep. Sweeps of earlier versions have none."""

FROM_EXPERIMENTS = "from_experiments"
"""The field of `sweep.json` with what the sweep has from experiments of the user, as overrides of other commands; absent
without such experiments."""

AVERAGED = columns_with_macs([*POINT, "price", "value", "lower", "upper", "least", "greatest", "count", "seeds"])
"""The columns of `averages.csv`: those that name a point; its mean price and value; lower and upper, the ends of the interval
of its mean value; least and greatest, the ends of the averaged values; count, their number; and seeds, the number of members
whose seed noise the interval includes (0 if it includes only the sampling error of the test set)."""


def save(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    about: Mapping[str, Any],
    rules: Iterable[SavedRule] | None = None,
    lines: Mapping[str, Iterable[str]] | None = None,
) -> None:
    """Write a sweep to a folder, which appears in a single rename.

    Args:
        folder: the folder to create; if it exists, it is left unchanged.
        tables: the tables, by file name.
        about: the description of the sweep that is written to `sweep.json`.
        rules: the fitted rules; None for none.
        lines: the lines of tables that exist as text already, without the line of column names, by file name.
    """
    with staged(folder) as temporary:
        for name, table in tables.items():
            if lines is None or name not in lines:
                table.to_csv(temporary / name, index=False)
                continue
            with (temporary / name).open("w", encoding="utf-8", newline="") as file:
                table.head(0).to_csv(file, index=False)
                file.writelines(lines[name])
        if rules is not None:
            with (temporary / RULES).open("w", encoding="utf-8") as file:
                for rule in rules:
                    file.write(json.dumps(rule.to_dict(), allow_nan=False) + "\n")
        files = {path.name: checksums(path) for path in sorted(temporary.iterdir())}
        _write_about(temporary, {**about, "files": files})
        commit_folder(temporary, folder)
    _mark_newest(folder)


def read_rules(folder: Path) -> list[SavedRule]:
    """Read the fitted rules of a sweep, one for each setting, in the order of the table.

    Raises:
        WeeError: the sweep has no fitted rules, or a record cannot be read.
    """
    path = folder / RULES
    check_file(path)
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


def read_about(folder: Path) -> dict[str, Any]:
    """Read the description of a sweep.

    Raises:
        WeeError: the file is damaged.
    """
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        written = about.pop(_CHECKSUM, None)  # sweeps of earlier versions have none
        if written is not None and written != _checksum_of(about):
            raise ValueError("its checksum differs")
    except (ValueError, AttributeError, TypeError) as error:
        raise WeeError(f"{path} is damaged ({error}); {_REPAIR}") from None
    return dict(about)


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    plain = json.loads(json.dumps({name: value for name, value in about.items() if name != _CHECKSUM}))
    write_json(folder / ABOUT, {**plain, _CHECKSUM: _checksum_of(plain)})


def _checksum_of(about: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(about, sort_keys=True).encode())


def check_file(path: Path) -> None:
    """Check that a file of a sweep is what was written; files outside sweeps are not checked.

    Raises:
        WeeError: it has changed.
    """
    if not is_sweep(path.parent) or not path.is_file():
        return
    files = read_about(path.parent).get("files")
    written = files.get(path.name) if isinstance(files, Mapping) else None
    if written is not None and checksums(path) != written:
        raise WeeError(f"{path} has changed since the sweep: {_REPAIR}")


_CHECKSUM = "crc32"
_REPAIR = "the same command of wee sweep sets the damaged sweep aside, and makes it again"


def is_whole(folder: Path) -> bool:
    """Return whether a folder holds a sweep with undamaged tables; a damaged sweep is renamed, with a warning."""
    if not is_sweep(folder):
        return False
    try:
        files = read_about(folder)["files"]
        whole = all((folder / name).is_file() and checksums(folder / name) == wanted for name, wanted in files.items())
    except (ValueError, KeyError, AttributeError):
        whole = False
    if not whole:
        aside = folder.with_name(f".{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        folder.rename(aside)
        log.warning(f"the sweep {folder} is damaged; it is set aside as {aside}, and made again now")
    return whole


def touch(folder: Path, labels: Mapping[str, Mapping[str, str]], made: Mapping[str, Any]) -> None:
    """Mark a sweep as the newest one, and update its labels, which are not part of its identity.

    Args:
        folder: the folder of the sweep.
        labels: the labels of the things in the sweep, by kind and name.
        made: how the sweep is made, with the keys `MADE_BY` and `FROM_EXPERIMENTS`; it is added to a sweep of an earlier
            version, which lacks it.
    """
    about = read_about(folder)
    current = {**made, **about, "labels": labels}
    if current != about:
        _write_about(folder, current)
    _mark_newest(folder)


def _mark_newest(folder: Path) -> None:
    """Give a sweep the latest time of modification among all sweeps, although clocks of machines differ and jump."""
    others = (path for path in folder.parent.parent.glob(f"*/*/{ABOUT}") if path.parent != folder)
    latest = max((path.stat().st_mtime_ns for path in others), default=0)
    now = max(time.time_ns(), latest + 1_000_000)
    os.utime(folder / ABOUT, ns=(now, now))


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Read the labels that figures use for the things in a sweep, by kind and name; empty for a table outside a sweep."""
    folder = path if path.is_dir() else path.parent
    labels = read_about(folder).get("labels", {}) if is_sweep(folder) else {}
    if not fits(labels, dict[str, dict[str, str]]):
        raise WeeError(f"{folder / ABOUT} has labels {labels!r}: {_REPAIR}")
    return dict(labels)


def is_sweep(folder: Path) -> bool:
    """Return whether a folder holds a complete sweep."""
    return (folder / ABOUT).is_file()


def read_table(path: Path) -> pd.DataFrame:
    """Read the tidy table from a file or from a sweep's folder.

    Raises:
        WeeError: there is no table, or it lacks columns of a tidy table.
    """
    return _read(path / TABLE if path.is_dir() else path, "a table of a sweep", COLUMNS)


def read_averages(paths: list[Path]) -> pd.DataFrame:
    """Read the averages of several sweeps: points with the intervals of their means.

    Args:
        paths: folders of sweeps, or their tables.

    Returns:
        The rows of every `averages.csv` beside a table, with the `level` of the intervals, a share in (0, 1). A point that is
        in two sweeps has two rows. The table is empty if no sweep has intervals.

    Raises:
        WeeError: a file lacks columns of averages.
    """
    import pandas as pd

    folders = [path if path.is_dir() else path.parent for path in paths if path.is_dir() or path.name == TABLE]
    parts = [
        _read(folder / AVERAGES, "the averages of a sweep", AVERAGED, _EARLIER_NAMES).assign(level=_level(folder))
        for folder in dict.fromkeys(folders)
        if (folder / AVERAGES).is_file()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*AVERAGED, "level"])


_EARLIER_NAMES = {"low": "least", "high": "greatest"}
"""The columns of `averages.csv` that had other names in earlier versions, those of the ends of windows in `table.csv`."""


def _read(path: Path, what: str, columns: list[str], earlier_names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a table. Columns that earlier versions named otherwise get their names of today.

    Raises:
        WeeError: there is no such file, it is damaged, or it lacks columns.
    """
    import pandas as pd

    check_file(path)
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(TEXT, "str"), keep_default_na=True)
    except FileNotFoundError:
        raise WeeError(f"there is no table at {path}; make one: wee sweep") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise WeeError(f"{path} is not {what}: {error}") from None
    table = _with_later_columns(completed(table.rename(columns=dict(earlier_names or {}))))
    missing = [column for column in columns if column not in table]
    if missing:
        raise WeeError(f"{path} is not {what}: it has no column {', '.join(missing)}")
    return table.assign(width=width_cells(table["width"]))


def _with_later_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `parameters` and `ood_share` if a table lacks them, as tables of older versions do."""
    if PARAMETERS not in table:
        table = table.assign(**{PARAMETERS: None})
    if "ood" in table and "ood_share" not in table:
        table = table.assign(ood_share=table.ood.notna().map({True: OOD_SHARE, False: float("nan")}))
    return table


def _level(folder: Path) -> float:
    """Return the level of a sweep's intervals."""
    about = read_about(folder) if is_sweep(folder) else {}
    return float(about.get("bootstrap", {}).get("level", BootstrapConfig.level))


def read_differences(folder: Path) -> pd.DataFrame | None:
    """Read the differences of a sweep between settings and their baselines; None if it has no intervals.

    Raises:
        WeeError: the file lacks columns of differences.
    """
    path = folder / DIFFERENCES
    return _read(path, "the differences of a sweep", [*POINT, "versus", "difference"]) if path.is_file() else None


def read_effects(folder: Path) -> pd.DataFrame:
    """Read the effects of rounded logits from a sweep that computed them."""
    import pandas as pd

    return pd.read_csv(folder / STORAGE)


def read_validation(paths: Sequence[Path]) -> pd.DataFrame:
    """Read the study of the validation set's size from a sweep that made one.

    Args:
        paths: the folder of one sweep, or the file of one study, as the only item of a list.

    Raises:
        WeeError: there is no study, or there are several paths.
    """
    import pandas as pd

    if len(paths) != 1:
        raise WeeError(
            f"a study of the validation set's size is of one sweep, and here are {len(paths)}: give one of them, for "
            f"instance sweeps=[{paths[-1]}]"
        )
    path = paths[0] / VALIDATION if paths[0].is_dir() else paths[0]
    make = "make one: wee sweep +experiment=validation_size, or validation.sizes=[250,1000,5000] with any other sweep"
    if not path.is_file():
        raise WeeError(f"there is no study of the validation set's size at {path}; {make}")
    table = _with_later_columns(completed(pd.read_csv(path, dtype=dict.fromkeys(TEXT, "str"))))
    missing = [column for column in VALIDATION_COLUMNS if column not in table]
    if missing:
        raise WeeError(
            f"{path} has no column {', '.join(missing)}, and is no study of the validation set's size; {make}"
        )
    return table.assign(width=width_cells(table["width"]))


def read_tables(paths: list[Path]) -> pd.DataFrame:
    """Read several tables as one. Rows that appear in more than one table are kept once.

    Returns:
        The table, with the column `wee.sweep.floor.AT_FLOOR` besides those of a tidy table. A table outside a sweep, whose
        convention is not known, has no marks.

    Raises:
        WeeError: two tables give different values for the same setting.
    """
    import pandas as pd

    table = pd.concat([_marked(path).assign(source=str(path)) for path in paths], ignore_index=True)
    table["_value"] = table["value"].round(9)
    conflicts = table.drop_duplicates([*KEYS, "_value"]).duplicated(KEYS, keep=False)
    different = table.loc[conflicts[conflicts].index, "source"].unique() if conflicts.any() else []
    if len(different):
        row = table.loc[conflicts[conflicts].index[0]]
        raise WeeError(
            f"{' and '.join(different[:2])} give different values for {row.metric} of {row.scale}, {row.policy}: "
            f"they are not sweeps over the same logits; give one of them: sweeps=[{different[0]}]"
        )
    return table.drop_duplicates(KEYS).drop(columns=["source", "_value"]).reset_index(drop=True)


def _marked(path: Path) -> pd.DataFrame:
    """Read a table, and mark the values that were read at the smallest coverage of its convention."""
    folder = path if path.is_dir() else path.parent
    about = read_about(folder) if is_sweep(folder) else {}
    return mark_floor(read_table(path), str(about.get("task", {}).get("convention", "")))


def find_sweeps(root: Path, wanted: list[str]) -> list[Path]:
    """Find the sweeps that a config field `sweeps` selects, each as a folder or as the file of a table.

    Args:
        root: the folder of all sweeps.
        wanted: names of sweeps (for the newest sweep of each name), paths, patterns of paths, or "newest".

    Raises:
        WeeError: there is no sweep for one of them, or one is empty.
    """
    paths = []
    for name in wanted:
        if not name.strip():
            raise WeeError("sweeps has an empty name: name a sweep, or give newest")
        if name == "newest":
            all_sweeps = [folder for folder in root.glob("*/*") if is_sweep(folder)]
            if not all_sweeps:
                raise WeeError(f"there is no sweep in {root} yet; make one: wee sweep")
            paths.append(max(all_sweeps, key=_modified))
            continue
        if (root / name).is_dir() and not is_sweep(root / name):
            runs = [folder for folder in (root / name).iterdir() if is_sweep(folder)]
            if runs:
                paths.append(max(runs, key=_modified))
                continue
        matches = [Path(name)] if Path(name).exists() else [Path(match) for match in sorted(glob.glob(name))]
        if not matches:
            names = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
            known = f" Known: {', '.join(names)}." if names else ""
            raise WeeError(
                f"there is no sweep '{name}' in {root}, and no such file.{known} Make one: wee sweep name={name}"
            )
        paths += matches
    return paths


def _modified(folder: Path) -> float:
    """Return the time at which a sweep was written or marked as the newest."""
    return (folder / ABOUT).stat().st_mtime
