"""The overview of all studies, README.md: every number is read off the tables of their pages.

    python experiments/overview.py > experiments/README.md

fills README.page.md with what the pages say, so that the overview never disagrees with them. A test compares the two. A new
study has a row in the template, and a function here that reads its numbers off the tables of its page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "cifar10"))

from words import fill, listed, sizes_of, span, tables  # noqa: E402

SELECTIVE = "Selective classification (ranked"
STREAM = "Selective classification with as many"
DETECTION = "OOD detection"
BASELINES = {
    "single": "single models",
    "ensemble": "ensembles",
    "threshold": "single threshold",
    "full": "full ensemble",
}
LOWER_IS_BETTER = ("risk", "fpr")
NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Compared:
    """A difference in a table of a page: positive values are better.

    Attributes:
        name: what is compared, such as a size.
        value: the difference.
        own: its own interval.
        all: the interval that holds simultaneously; None for a difference that is zero by construction.
    """

    name: str
    value: float
    own: tuple[float, float]
    all: tuple[float, float] | None

    @classmethod
    def read(cls, name: str, cell: str, sign: int = 1) -> Compared:
        """Return the difference in a cell: "+1.50 [-0.12, +2.26] {-0.94, +3.94}".

        Args:
            name: what is compared.
            cell: the cell.
            sign: -1 if low values are good.
        """
        value, *ends = (sign * float(number) for number in NUMBER.findall(cell))
        own = min(ends[:2]), max(ends[:2])
        return cls(name, value, own, (min(ends[2:]), max(ends[2:])) if len(ends) == 4 else None)

    @property
    def wins(self) -> bool:
        """Whether the simultaneous interval lies above zero."""
        return self.all is not None and self.all[0] > 0

    @property
    def loses(self) -> bool:
        """Whether the simultaneous interval lies below zero."""
        return self.all is not None and self.all[1] < 0

    def __str__(self) -> str:
        ends = "" if self.all is None else f" {{{self.all[0]:+.2f}, {self.all[1]:+.2f}}}"
        return f"{self.name} {self.value:+.2f}{ends}"


def rows_of(page: str, heading: str, *columns: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the tables of a page that stand under a heading and have certain columns.

    Raises:
        SystemExit: the page has no such table.
    """
    found = [
        row
        for title, rows in tables(HERE / page)
        if title.startswith(heading) and rows and set(columns) <= set(rows[0])
        for row in rows
    ]
    if not found:
        raise SystemExit(f"{page} has no table under {heading!r} with the columns {', '.join(columns)}")
    yield from found


def differences(heading: str, metric: str, versus: str) -> list[Compared]:
    """Return the differences of unadjusted cascades from a baseline in a metric, on the page cifar10/README.md."""
    low = metric.startswith(LOWER_IS_BETTER)
    column = f"{metric} {'↓' if low else '↑'}"
    return [
        Compared.read(row["cascade of"], row[column], -1 if low else 1)
        for row in rows_of("cifar10/README.md", heading, "cascade of", "against", column)
        if row["against"] == BASELINES[versus] and "," not in row["cascade of"]
    ]


def said(compared: Sequence[Compared]) -> str:
    """Return differences with their simultaneous intervals, one after the other."""
    return "; ".join(map(str, compared))


def places_of(name: str, compared: Sequence[Compared]) -> dict[str, str]:
    """Return what a place for differences, for those that win, and for those that do not, is filled with."""
    every = [one.name for one in compared]
    chosen = {
        "wins": [one.name for one in compared if one.wins],
        "open": [one.name for one in compared if not one.wins and not one.loses],
        "loses": [one.name for one in compared if one.loses],
    }
    lists = {f"{name}_{kind}": sizes_of(names, every) for kind, names in chosen.items()}
    return {name: said(compared), f"{name}_span": span([one.value for one in compared], 2), **lists}


def claims() -> dict[str, str]:
    """Return the differences of cascades from every baseline, for the tasks of the overview."""
    places = {}
    for heading, metric, versus in (
        (SELECTIVE, "cov@5", "single"),
        (SELECTIVE, "risk@80", "single"),
        (SELECTIVE, "cov@5", "ensemble"),
        (SELECTIVE, "risk@80", "ensemble"),
        (SELECTIVE, "cov@5", "threshold"),
        (SELECTIVE, "risk@80", "threshold"),
        (SELECTIVE, "cov@5", "full"),
        (SELECTIVE, "risk@80", "full"),
        (STREAM, "risk@80", "single"),
        (DETECTION, "fpr@80", "single"),
        (DETECTION, "fpr@95", "single"),
    ):
        task = {SELECTIVE: "sc", STREAM: "scod", DETECTION: "ood"}[heading]
        places |= places_of(f"{task}_{metric.replace('@', '')}_{versus}", differences(heading, metric, versus))
    return places


def quality() -> dict[str, str]:
    """Return the MACs of cascades as shares of those of equally good single models."""
    rows = list(rows_of("cifar10/README.md", SELECTIVE, "cascade of", "cov@5"))
    shares = {row["cascade of"]: row["cov@5"] for row in rows if "[" in row["cov@5"]}
    known = {size: cell for size, cell in shares.items() if not cell.startswith(("<", ">"))}
    best = min(known, key=lambda size: float(NUMBER.findall(known[size])[0]))
    below = [size for size, cell in known.items() if float(NUMBER.findall(cell)[2]) < 0.3]
    return {
        "quality": "; ".join(f"{size} {cell}" for size, cell in shares.items()),
        "quality_best": f"{best} {known[best]}",
        "quality_30": listed(below, "no size"),
    }


def members() -> dict[str, str]:
    """Return what further members bring, on average over sizes or at the one size that there is."""
    rows = list(rows_of("cifar10/members.md", "What a further member", "system", "member", "size"))
    means = [row for row in rows if row["size"] == "mean over sizes"] or rows
    places = {
        "member_sizes": listed(dict.fromkeys(row["size"] for row in rows if not row["size"].startswith("mean")), "none")
    }
    for row in means:
        for label, metric in (("Cov@5", "cov5"), ("Risk@80", "risk80")):
            compared = Compared.read(row["size"], row[f"gain in {label}"])
            name = f"{row['system']}_{row['member']}_{metric}"
            places[name] = f"{compared.value:+.2f}" + str(compared).partition(f"{compared.value:+.2f}")[2]
            places[f"{name}_verdict"] = "excludes" if compared.wins else "includes"
    widths = [
        Compared.read(row["size"], row["gain at equal MACs"])
        for row in rows_of("cifar10/members.md", "Widths per stage", "chosen widths", "gain at equal MACs")
        if "[" in row["gain at equal MACs"]
    ]
    return {
        **places,
        "widths_cases": str(len(widths)),
        "widths_wins": str(sum(one.wins for one in widths) or "none"),
        "widths_span": span([one.value for one in widths], 2) if widths else "0",
    }


def across() -> dict[str, str]:
    """Return how cascades across sizes differ from cascades within one size."""
    column = "against cascades within one size at equal MACs"
    compared = [
        Compared.read(row["cascade of"], row[column])
        for row in rows_of("cifar10/across_sizes.md", "All lineups", "cascade of", column)
        if "[" in row[column]
    ]
    return {
        "across_count": str(len(compared)),
        "across_span": span([one.value for one in compared], 2),
        "across_wins": str(sum(one.wins for one in compared) or "none"),
        "across_loses": str(sum(one.loses for one in compared) or "none"),
    }


def use() -> dict[str, str]:
    """Return what systems in use do: validation sets, certificates and the clock."""
    val = {
        row["validation samples"]: row
        for row in rows_of("cifar10/validation_size.md", "Thresholds and windows for cov@5", "size", "risk, cascade")
        if row["size"] == "w40"
    }
    places = {f"val_risk_{size.replace(',', '')}": row["risk, cascade"] for size, row in val.items()}
    places |= {f"val_cov5_{size.replace(',', '')}": row["cov@5, cascade"] for size, row in val.items()}
    certified = [
        row
        for row in rows_of("cifar10/deployment.md", "A risk of 5 %", "size", "certified coverage")
        if row["system"] in ("single model", "cascade") and row["size"] == "w40"
    ]
    places["certified"] = listed((f"{row['certified coverage']} % ({row['system']})" for row in certified), "none")
    clock = {
        (row["size"], row["system"]): float(NUMBER.findall(row["latency (ms): mean"])[0])
        for row in rows_of("cifar10/deployment.md", "What the clock says", "size", "system", "latency (ms): mean")
    }
    sizes = list(dict.fromkeys(size for size, _ in clock))
    for system in ("single model", "ensemble"):
        ratios = [clock[size, "cascade"] / clock[size, system] for size in sizes]
        places[f"clock_{system.partition(' ')[0]}"] = span(ratios, 2)
    return places


def shifted() -> dict[str, str]:
    """Return whether improvements are reliable on shifted and OOD sets, and what adjusted windows gain."""
    places = {}
    for name, heading in (("shifted", "Shifted sets"), ("ood", "OOD sets")):
        compared = [
            Compared.read(
                row["size"], row["by"]
            )  # the last column of this name: against single models of the same MACs
            for row in rows_of("cifar10/reliability.md", heading, "system", "size", "improves more", "by")
            if row["system"] == "cascade" and "{" in row["by"]
        ]
        places |= {f"reliable_{name}": said(compared) or "nothing can be compared"}
        places |= {f"reliable_{name}_wins": sizes_of([one.name for one in compared if one.wins], [])}
    for name, heading in (("risk", "Risk@80 (SCOD)"), ("fpr", "FPR@95 (OOD detection)")):
        rows = list(
            rows_of("cifar10/adjustment.md", heading, "OOD set", "share", "gain (points)", "better at", "worse at")
        )
        gains = [float(number) for row in rows for number in NUMBER.findall(row["gain (points)"])]
        places[f"adjusted_{name}"] = span(gains, 2)
        for kind in ("better", "worse"):
            counts = [int(row[f"{kind} at"].partition("simultaneously ")[2].partition(")")[0]) for row in rows]
            places[f"adjusted_{name}_{kind}"] = str(sum(counts) or "none")
    return places


def text() -> dict[str, str]:
    """Return the coverage of classifiers of texts."""
    rows = list(rows_of("text/README.md", "The front", "scale", "policy", "Cov@20"))
    scales = list(dict.fromkeys(row["scale"] for row in rows))
    cells = {(row["scale"], row["policy"]): row["Cov@20"] for row in rows}
    names = {"single": "single model", "ensemble": "ensemble", "window": "cascade"}
    lines = [
        f"{scale}: " + ", ".join(f"{name} {cells[scale, policy]}" for policy, name in names.items()) for scale in scales
    ]
    overlap = []
    for scale in scales:
        (_, low, high), (_, other_low, other_high) = (
            map(float, NUMBER.findall(cells[scale, policy])) for policy in ("single", "window")
        )
        overlap += [scale] if max(low, other_low) <= min(high, other_high) else []
    return {"text": "; ".join(lines), "text_overlap": sizes_of(overlap, scales)}


def page() -> str:
    """Return the overview."""
    return fill(HERE / "README.page.md", claims() | quality() | members() | across() | shifted() | use() | text())


if __name__ == "__main__":
    sys.stdout.write(page())
