"""`wee store`: list, verify, remove, export and import entries of the store."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.app import pipes
from wee.app.command import Command, with_folders
from wee.app.console import line_width, progress, show
from wee.app.docstrings import attributes_help
from wee.app.help import listed
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.commands.shorthand import ACTIONS, DEFAULT_ACTION, STORE
from wee.errors import WeeError, unknown
from wee.store.query import Query
from wee.store.shared import NAMES
from wee.units import counted, in_bytes

if TYPE_CHECKING:
    from wee.store.audit import Damage, Examination
    from wee.store.removal import Removable

log = logging.getLogger("wee")

FORMATS = ("table", "json", "csv")


@dataclass
class StoreConfig(Common):
    """The config of `wee store`.

    Attributes:
        action: What to do; `wee store ls` is short for action=ls.
        select: The entries. `scale=s1` is short for select.scale=s1, and `digits/tiny/s1` for dataset, family and scale.
        format: How to list entries: as a table, or as json or csv for other programs.
        file: The file to write or to read.
        apply: Whether to remove or share what is otherwise only listed.
        partial_days: Age in days from which unfinished entries are removed too; null to keep them.
        superseded: Whether to remove entries too if a newer one with the same address, precision and dtype exists, of another
            training recipe.
        temporary_hours: Age in hours from which temporary files are removed. Those of processes that are known to be dead are
            removed at any age.
    """

    action: str = DEFAULT_ACTION
    select: Query = field(default_factory=Query)
    format: str = FORMATS[0]
    file: str = ""
    apply: bool = False
    partial_days: float | None = None
    superseded: bool = False
    temporary_hours: float = 1.0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise unknown("action", self.action, ACTIONS, "See wee store --help.")
        if self.format not in FORMATS:
            raise unknown("format", self.format, FORMATS)
        for name in ("partial_days", "temporary_hours"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise WeeError(f"{name} is {value}: it must be a number from 0 on")
        allowed = _KEYS[self.action]
        for one in dataclasses.fields(StoreConfig):
            default = one.default if one.default is not dataclasses.MISSING else None
            if one.name in _KEYS_OF_SOME and one.name not in allowed and getattr(self, one.name) != default:
                actions = " and ".join(action for action, keys in _KEYS.items() if one.name in keys)
                raise WeeError(f"wee store {self.action} has no {one.name}; it belongs to wee store {actions}")
        if not self.file and "file" in allowed:
            raise WeeError(f"wee store {self.action} needs a file: wee store {self.action} NAME.weestore")
        if self.select.given and "select" not in allowed:
            raise WeeError(f"wee store {self.action} looks at the whole store, and selects no entries ({self.select})")
        if self.action == "rm" and not self.select.given:
            raise WeeError(
                "wee store rm needs a selection, such as scale=s1 or digits/tiny/s1/0 (dataset='*' means every entry)"
            )


_KEYS: Mapping[str, tuple[str, ...]] = {
    "ls": ("select", "format"),
    "verify": ("select",),
    "rm": ("select", "apply"),
    "gc": ("apply", "partial_days", "superseded", "temporary_hours"),
    "share": ("select", "apply"),
    "export": ("select", "file"),
    "import": ("select", "file"),
}
"""The config keys that each action uses."""

_KEYS_OF_SOME = {"format", "file", "apply", "partial_days", "superseded", "temporary_hours"}

EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "ls": {
        "wee store ls": "everything",
        "wee store ls digits/tiny": "the entries of a family",
        "wee store ls scale=s1,s2 split=ood-*": "two scales on all OOD sets",
        "wee store ls format=csv > entries.csv": "a table for other programs, with all columns",
    },
    "verify": {
        "wee store verify": "the whole store, its derived scores, and the checkpoints",
        "wee store verify family=tiny": "the entries and checkpoints of a family",
    },
    "rm": {
        "wee store rm digits/tiny/s1/0": "show which entries of a member would go",
        "wee store rm digits/tiny/s1/0 apply=true": "remove them",
        "wee store rm key=1f0c apply=true": "one entry, by the beginning of its key",
    },
    "gc": {
        "wee store gc": "show what would go",
        "wee store gc apply=true": "remove it",
        "wee store gc partial_days=30 apply=true": "also unfinished entries that have not been continued for 30 days",
    },
    "share": {
        "wee store share": "show how much smaller the store would become",
        "wee store share apply=true": "make it smaller",
    },
    "export": {
        "wee store export all.weestore": "everything",
        "wee store export tiny.weestore family=tiny split=val,test": "a family, without OOD sets",
    },
    "import": {
        "wee store import all.weestore": "every entry in the file that the store lacks",
        "wee store import all.weestore scale=s1": "those of a scale",
    },
}


def run(cfg: StoreConfig) -> None:
    """Do what the action says."""
    _RUN[cfg.action](cfg)


def ls(cfg: StoreConfig) -> None:
    """List entries."""
    from wee.store.inventory import take_inventory
    from wee.store.tables import entries_table, records, summary, summary_lines

    inventory = take_inventory(Path(cfg.paths.store))
    items = inventory.select(cfg.select)
    if cfg.format == "json":
        about = {
            "store": str(inventory.root),
            "entries": records(inventory, items),
            "totals": summary(inventory, items),
        }
        pipes.write(json.dumps(about, indent=1) + "\n")
    elif cfg.format == "csv":
        pipes.write(_csv(records(inventory, items)))
    else:
        table, left_out = entries_table(inventory, items, line_width())
        show(table)
        lines = summary_lines(inventory, items)
        if left_out:
            lines.append(f"columns left out in this narrow terminal: {', '.join(left_out)} (format=csv has all)")
        pipes.write("\n".join(lines) + "\n")


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return records as CSV; lists and mappings are written as JSON, or as words if they are simple."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else value


def verify(cfg: StoreConfig) -> None:
    """Compare every byte with its checksum.

    Raises:
        WeeError: something is damaged.
    """
    from wee.machine import processors
    from wee.store.audit import audit, examinations
    from wee.store.inventory import take_inventory

    inventory, query = take_inventory(Path(cfg.paths.store)), cfg.select
    checkpoints = [] if set(query.given) & {"split", "key"} else _checkpoints(cfg)
    items = inventory.select(query) if inventory.items or not checkpoints else []
    work = [*examinations(inventory, items, scores=not query.given), *checkpoints]
    total = sum(one.size for one in work)
    with progress("MB") as bar:
        task = bar.add_task("verifying", total=max(1, round(total / 1e6)))
        damages = audit(work, processors(), lambda size: bar.advance(task, size / 1e6))
    kinds = Counter(one.kind for one in work)
    counts = ", ".join(f"{count:,} {kind if count > 1 else _SINGULAR[kind]}" for kind, count in kinds.items())
    log.info(f"verified {counts or 'nothing'}: {in_bytes(total)}")
    if damages:
        raise WeeError(_report(damages))
    log.info("nothing is damaged")


_SINGULAR = {
    "entries": "entry",
    "unfinished entries": "unfinished entry",
    "derived scores": "folder of derived scores",
    "members": "member",
}


def _checkpoints(cfg: StoreConfig) -> list[Examination]:
    """Return the verifications of the checkpoints of the selected members."""
    from wee.members.saved import damage_of, saved_members
    from wee.store.audit import Damage, Examination
    from wee.store.inventory import Place, measure

    def examine(folder: Path, place: Place) -> list[Damage]:
        detail = damage_of(folder)
        if not detail or not folder.is_dir():
            return []
        words = [f"{name}={getattr(place, name)}" for name in ("dataset", "family", "scale", "member")]
        aside = f"mv {shlex.quote(str(folder))} {shlex.quote(f'{folder.parent}/.{folder.name}.damaged')}"
        again = with_folders(shlex.join(["wee", "train", *words]))
        remark = "and the overrides of its training, if there were any"
        return [Damage(f"checkpoint {'/'.join((*folder.parts[-4:],))}", folder, detail, f"{aside} && {again}", remark)]

    work = []
    for folder in saved_members(Path(cfg.paths.checkpoints)):
        member, _, key = folder.name.partition("-")
        dataset, family, scale = folder.parts[-4:-1]
        place = Place(dataset, family, scale, member, "", key)
        if cfg.select.fits(place):
            work.append(Examination("members", measure(folder)[0], lambda f=folder, p=place: examine(f, p)))  # type: ignore[misc]
    return work


def _report(damages: Sequence[Damage]) -> str:
    """Return the message about damage: what is damaged, grouped by the command that repairs it."""
    by_repair: dict[tuple[str, str], list[Damage]] = {}
    for damage in damages:
        by_repair.setdefault((damage.repair, damage.remark), []).append(damage)
    lines = [f"{counted(len(damages), 'thing is', 'things are')} damaged"]
    for (repair, remark), group in by_repair.items():
        lines += [f"  {damage.what}: {damage.detail}" for damage in group]
        lines.append(f"    repair: {with_folders(repair)}" + (f" ({remark})" if remark else ""))
    return "\n".join(lines)


def rm(cfg: StoreConfig) -> None:
    """Remove the selected entries, or show which they are."""
    from wee.store.inventory import take_inventory
    from wee.store.removal import referring, removables

    inventory = take_inventory(Path(cfg.paths.store))
    items = inventory.select(cfg.select)
    names = {item.place.key: item.place.path for item in items}
    sweeps = referring(names, sorted(Path(cfg.paths.sweeps).glob("*/*/sweep.json")))
    if not cfg.apply:
        for item in items:
            remark = f"; locked by {item.locked}" if item.locked else ""
            log.info(f"  {item.place.path} {item.place.key} ({in_bytes(item.size)}){remark}")
    for file, mentioned in list(sweeps.items())[:_MANY]:
        log.info(
            f"the sweep {file.parent} was made from {counted(len(mentioned), 'of these entries', 'of these entries')}; "
            "its tables stay"
        )
    if len(sweeps) > _MANY:
        log.info(f"and {counted(len(sweeps) - _MANY, 'more sweep')}")
    _remove(cfg, removables(items), "entry", "entries")


_MANY = 5


def gc(cfg: StoreConfig) -> None:
    """Remove what interrupted runs and repairs have left behind, or show what it is."""
    from wee.store.inventory import take_inventory
    from wee.store.removal import garbage, restore_shared

    if cfg.apply and (restored := restore_shared(Path(cfg.paths.store))):
        log.info(f"restored {counted(restored, 'shared array', 'shared arrays')} that a killed gc had set aside")
    inventory = take_inventory(Path(cfg.paths.store))
    if not inventory.root.is_dir():
        raise WeeError(f"there is no store in {inventory.root} yet")
    things = garbage(inventory, cfg.partial_days, cfg.superseded, cfg.temporary_hours)
    if not cfg.apply:
        for thing in things:
            log.info(f"  {thing.path.relative_to(inventory.root)} ({in_bytes(thing.size)}): {thing.why}")
    if not things:
        kept = [item for item in inventory.items if item.unfinished]
        hint = (
            f" ({counted(len(kept), 'unfinished entry', 'unfinished entries')} kept: see partial_days)" if kept else ""
        )
        log.info(f"there is nothing to remove{hint}")
        return
    _remove(cfg, things, "leftover", "leftovers")


def _remove(cfg: StoreConfig, things: Sequence[Removable], noun: str, plural: str) -> None:
    """Remove things, or say how.

    Raises:
        WeeError: some were kept because a live process uses them.
    """
    from wee.store.removal import remove

    total = in_bytes(sum(thing.size for thing in things))
    if not cfg.apply:
        log.info(
            f"{counted(len(things), noun, plural)}, {total}. Nothing is removed yet: add apply=true to remove this."
        )
        return
    if any(thing.lock is not None and thing.lock.elsewhere for thing in things):
        log.info("looking for a minute whether processes of other machines that hold locks are alive")
    with progress(plural) as bar:
        task = bar.add_task("removing", total=len(things))
        removed, kept = remove(things, lambda number: bar.advance(task, number))
    log.info(f"removed {counted(len(removed), noun, plural)}, {in_bytes(sum(thing.size for thing in removed))}")
    if kept:
        listed = "\n".join(
            f"  {thing.path} ({thing.lock.holder() if thing.lock is not None else 'it has changed'})" for thing in kept
        )
        raise WeeError(f"{counted(len(kept), noun, plural)} kept, because a process is using them:\n{listed}")


def share(cfg: StoreConfig) -> None:
    """Keep labels, ids and groups that several entries have in common once, or show what that would save.

    Raises:
        WeeError: an entry is damaged.
    """
    from wee.store.inventory import take_inventory
    from wee.store.shared import copies, share_arrays

    inventory = take_inventory(Path(cfg.paths.store))
    entries = [item.entry for item in inventory.select(cfg.select) if item.entry is not None]
    pairs = [pair for entry in entries for pair in copies(inventory.root, entry.folder, entry.manifest["files"])]
    targets = {target for _, target in pairs}
    kept = sum({target: copy.stat().st_size for copy, target in pairs if not target.exists()}.values())
    saved = sum(copy.stat().st_size for copy, _ in pairs) - kept
    if not pairs:
        log.info("every array that can be shared is shared already")
    elif not cfg.apply:
        log.info(
            f"{counted(len(pairs), 'array', 'arrays')} of {counted(len(entries), 'entry', 'entries')} would become "
            f"{len(targets):,}, which saves {in_bytes(saved)}. Nothing is changed yet: add apply=true to share them."
        )
    else:
        for entry in entries:
            entry.verify(*(name.removesuffix(".npy") for name in NAMES))
        with progress("arrays") as bar:
            task = bar.add_task("sharing", total=len(pairs))
            freed = share_arrays(pairs, lambda number: bar.advance(task, number))
        log.info(f"shared {counted(len(pairs), 'array', 'arrays')} as {len(targets):,}; {in_bytes(freed)} became free")


def export(cfg: StoreConfig) -> None:
    """Write the selected entries to one file."""
    from wee.store.archive import check_target, export_entries
    from wee.store.inventory import take_inventory

    target = Path(cfg.file)
    check_target(target)
    inventory = take_inventory(Path(cfg.paths.store))
    selected = inventory.select(cfg.select)
    items = [item for item in selected if not item.unfinished]
    if not items:
        raise WeeError(f"of {cfg.select}, there are only unfinished entries: finish them first with `wee evaluate`")
    with progress("MB") as bar:
        task = bar.add_task("exporting", total=max(1, round(sum(item.size for item in items) / 1e6)))
        size = export_entries(items, target, lambda number: bar.advance(task, number / 1e6))
    left_out = len(selected) - len(items)
    log.info(
        f"{target}: {counted(len(items), 'entry', 'entries')}, {in_bytes(size)}"
        + (f"; {counted(left_out, 'unfinished entry', 'unfinished entries')} left out" if left_out else "")
    )
    log.info(f"on the other machine: wee store import {shlex.quote(target.name)}")


def import_entries(cfg: StoreConfig) -> None:
    """Copy entries from a file into the store.

    Raises:
        WeeError: the file is damaged, or an entry is being written by another process.
    """
    from wee.store import LogitStore
    from wee.store.archive import PRESENT, Archive

    store, busy = LogitStore(cfg.paths.store), []
    with Archive(Path(cfg.file)) as archive:
        chosen = cfg.select.select(archive.entries, lambda entry: (entry.place, ()), f"the file {cfg.file}")
        imported = present = 0
        with progress("MB") as bar:
            task = bar.add_task("importing", total=max(1, round(sum(entry.size for entry in chosen) / 1e6)))
            for entry, why in archive.import_into(store, chosen, lambda number: bar.advance(task, number / 1e6)):
                imported, present = imported + (not why), present + why.startswith(PRESENT)
                if why and why != PRESENT:
                    log.info(f"{entry.place.path}: {why}")
                if why and not why.startswith(PRESENT):
                    busy.append(f"  {entry.place.path}: {why}")
    log.info(
        f"{counted(imported, 'entry', 'entries')} imported, {present:,} were there already; in {cfg.paths.store}"
    )  # fmt: skip
    if busy:
        listed = "\n".join(busy)
        raise WeeError(f"{counted(len(busy), 'entry', 'entries')} not imported; run the command again later:\n{listed}")


_RUN: Mapping[str, Callable[[StoreConfig], None]] = {
    "ls": ls, "verify": verify, "rm": rm, "gc": gc, "share": share, "export": export, "import": import_entries,
}  # fmt: skip


def store_help(overrides: Sequence[str]) -> str:
    """Return the help of the command, or of the action among the overrides."""
    given = [override.partition("=")[2] for override in overrides if override.startswith("action=")]
    if given and given[-1] not in ACTIONS:
        raise unknown("action", given[-1], ACTIONS)
    if not given:
        text = "wee store [ACTION] [overrides]\n\n" + listed(ACTIONS)
        text += "\nAn example of each (wee store ACTION --help has more):\n\n"
        text += listed({line: about for lines in EXAMPLES.values() for line, about in list(lines.items())[:1]}, 34)
    else:
        action = given[-1]
        text = f"wee store {action} [overrides]: {ACTIONS[action]}\n\n{listed(EXAMPLES[action], 34)}"
        keys = [key for key in _KEYS[action] if key != "select"]
        if keys:
            text += "\nWhat can be set (key=value):\n\n" + listed(attributes_help(StoreConfig, keys))
    if not given or "select" in _KEYS[given[-1]]:
        text += "\nWhich entries (key=NAME, a pattern such as 's*', or a list; the default is all):\n\n"
        text += listed(attributes_help(Query))
        text += "\n  An address in one word, digits/tiny/s1, is short for dataset=digits family=tiny scale=s1.\n"
    text += "\nWhere the store is:\n\n"
    text += listed({"paths.store": "Folder of the store; outputs/store by default."})
    return text


COMMAND = Command(STORE, StoreConfig, run, modules(), help=store_help)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command(STORE).main()
