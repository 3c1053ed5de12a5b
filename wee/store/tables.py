"""What is in a store, as a table for people and as records for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wee.store.inventory import Inventory, Item
from wee.units import counted, in_bytes

if TYPE_CHECKING:
    from rich.table import Table

COMPLETE, DAMAGED, UNFINISHED = "complete", "damaged", "unfinished"
"""The states of an entry."""

_SHOWN = 8  # digits of keys and fingerprints in tables

_COLUMNS: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "entry": (lambda record: record["address"], "left"),
    "key": (lambda record: record["key"][:_SHOWN], "left"),
    "shape": (lambda record: " x ".join(f"{length:,}" for length in record["shape"]), "right"),
    "dtype": (lambda record: record["dtype"], "left"),
    "size": (lambda record: in_bytes(record["bytes"]), "right"),
    "weights": (lambda record: record["weights"][:_SHOWN], "left"),
    "recipe": (lambda record: record["recipe"][:_SHOWN], "left"),
    "made by": (lambda record: record["made_by"], "left"),
    "made on": (lambda record: record["created"][:10], "left"),
    "versions": (lambda record: _versions(record["versions"]), "left"),
    "costs": (lambda record: ", ".join(record["costs"]), "left"),
    "state": (lambda record: _state(record), "left"),
}
"""The columns of the table: what each shows of a record, and how it is justified."""

_LEFT_OUT = ("versions", "recipe", "made by", "weights", "costs", "dtype", "made on")
"""Columns that a narrow terminal leaves out, the least important first."""

_STYLES = {DAMAGED: "red", UNFINISHED: "yellow"}


def records(inventory: Inventory, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return what is known of entries as plain data, a record for each."""
    return list(_records(inventory, items))


def _records(inventory: Inventory, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    for item in items:
        place, provenance = item.place, item.provenance
        shape = [int(length) for length in item.manifest.get("shape", [])]
        yield {
            "address": place.path,
            **{name: getattr(place, name) for name in ("dataset", "family", "scale", "member", "split", "key")},
            "state": UNFINISHED if item.unfinished else DAMAGED if item.damage else COMPLETE,
            "damage": item.damage,
            "locked": item.locked,
            "samples": item.samples if item.unfinished else shape[-2] if shape else None,
            "expected_samples": inventory.expected_samples(place) if item.unfinished else None,
            "shape": shape,
            "dtype": str(item.manifest.get("dtype", "")),
            "bytes": item.size,
            "weights": str(item.identity.get("weights", "")),
            "recipe": str(provenance.get("recipe") or ""),
            "precision": str(item.identity.get("precision", "")),
            "made_by": " ".join(str(provenance.get("command", "")).split()[:2]),
            "command": str(provenance.get("command", "")),
            "created": str(provenance.get("created", "")),
            "versions": dict(provenance.get("versions", {})),
            "costs": item.cost_names(),
            "folder": str(item.folder),
        }


def entries_table(inventory: Inventory, items: Sequence[Item], width: int) -> tuple[Table, list[str]]:
    """Return a table of entries, and the columns that had to be left out for it to fit.

    Args:
        inventory: what is in the store.
        items: the entries.
        width: the number of characters that a line can have.
    """
    rows = records(inventory, items)
    names, left_out = list(_COLUMNS), list[str]()
    table = _table(rows, names)
    for name in _LEFT_OUT:
        if _width(table) <= width:
            break
        names.remove(name)
        left_out.append(name)
        table = _table(rows, names)
    return table, left_out


def _table(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(header_style="bold")
    for name in names:
        table.add_column(name, justify=_COLUMNS[name][1], no_wrap=name != "state")  # type: ignore[arg-type]
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        ends = following is not None and (row["family"], row["scale"]) != (following["family"], following["scale"])
        style = _STYLES.get(row["state"])
        table.add_row(*(_COLUMNS[name][0](row) for name in names), style=style, end_section=ends)
    return table


def _width(table: Table) -> int:
    from rich.console import Console
    from rich.measure import Measurement

    wide = Console(width=1000)
    return Measurement.get(wide, wide.options, table).maximum


def _versions(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in ("wee", "torch") if name in versions)


def _state(record: dict[str, Any]) -> str:
    words = [record["state"]]
    if record["state"] == DAMAGED:
        words = [f"{DAMAGED}: {record['damage']}"]
    if record["state"] == UNFINISHED:
        expected = record["expected_samples"]
        words = [f"{UNFINISHED}: {record['samples']:,}" + (f" of {expected:,}" if expected else "") + " samples"]
    if record["locked"]:
        words.append(f"locked by {record['locked']}")
    return "; ".join(words)


def summary(inventory: Inventory, items: Sequence[Item]) -> dict[str, Any]:
    """Return numbers about selected entries and about the rest of the store, as plain data."""
    leftovers = Counter(leftover.kind for leftover in inventory.leftovers)
    return {
        "entries": sum(not item.unfinished for item in items),
        "unfinished": sum(item.unfinished for item in items),
        "damaged": sum(bool(item.damage) for item in items),
        "bytes": sum(item.size for item in items),
        "shared_bytes": sum(array.size for array in inventory.shared),
        "derived_scores": len(inventory.scores),
        "derived_scores_bytes": sum(scores.size for scores in inventory.scores),
        "leftovers": dict(leftovers),
        "leftovers_bytes": sum(leftover.size for leftover in inventory.leftovers),
        "unknown": [str(path) for path in inventory.unknown],
    }


def summary_lines(inventory: Inventory, items: Sequence[Item]) -> list[str]:
    """Return what people should know besides the table of entries, a line for each thing."""
    numbers = summary(inventory, items)
    head = f"{counted(numbers['entries'], 'entry', 'entries')}"
    if numbers["unfinished"]:
        head += f", {counted(numbers['unfinished'], 'unfinished entry', 'unfinished entries')}"
    lines = [f"{head} in {inventory.root}: {in_bytes(numbers['bytes'])}"]
    if numbers["damaged"]:
        lines.append(f"{numbers['damaged']:,} damaged: `wee store verify` says how to repair them")
    if numbers["shared_bytes"]:
        lines.append(f"labels, ids and groups that entries share: {in_bytes(numbers['shared_bytes'])}")
    if numbers["derived_scores"]:
        lines.append(
            f"scores that sweeps derived from entries: {in_bytes(numbers['derived_scores_bytes'])} "
            f"in {counted(numbers['derived_scores'], 'folder')} (sweeps make them again if they are deleted)"
        )
    if inventory.leftovers:
        kinds = ", ".join(f"{count:,} x {kind}" for kind, count in numbers["leftovers"].items())
        lines.append(
            f"besides entries: {kinds} ({in_bytes(numbers['leftovers_bytes'])}); `wee store gc` says what can go"
        )  # fmt: skip
    if inventory.unknown:
        some = ", ".join(str(path.relative_to(inventory.root)) for path in inventory.unknown[:3])
        lines.append(f"{counted(len(inventory.unknown), 'file')} that wee did not write: {some}")
    return lines
