"""The card of a calibrated cascade: a page with a figure, for those who deploy it, and the table that the command prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from wee.cascade.config import TESTED
from wee.cascade.description import CascadeDescription, Estimate, Expectation
from wee.costs import COSTS
from wee.data.splits import TEST
from wee.method import IntervalRule
from wee.method.arrays import Floats
from wee.units import si

CARD, FIGURE = "card.md", "card.png"

_WORDS = dict(
    zip(TESTED, ("the risk of what is accepted", "the share of decisions that differ from the ensemble's"), strict=True)
)


def summary(description: CascadeDescription) -> Table:
    """What to expect of a cascade, as a table for the console.

    Args:
        description: of the cascade.
    """
    lineup = ", then ".join(stage.name for stage in description.stages)
    shown = Table(title=f"{lineup}; calibrated for {description.task}", title_justify="left", header_style="bold")
    for column in ("", "tuning (optimistic)", "test"):
        shown.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for name, *numbers in _rows(description):
        shown.add_row(name, *numbers)
    guarantees = _guarantees(description)
    if guarantees:
        shown.caption, shown.caption_justify = "\n".join(guarantees), "left"
    return shown


def write_card(folder: Path, description: CascadeDescription, curves: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Write the card and its figure into the folder of the cascade.

    Args:
        folder: of the cascade.
        description: of the cascade.
        curves: coverage and risk on the test set, in [0, 1], by the name of the curve.
    """
    (folder / CARD).write_text(page(description), encoding="utf-8")
    _draw(folder / FIGURE, description, curves)


def page(description: CascadeDescription) -> str:
    """The card as Markdown."""
    calibrated, chosen, test = description.calibrated_on, description.chosen, description.expected[str(TEST)]
    cost = COSTS.find(str(chosen["cost"]))
    lines = [f"# A cascade for {description.task} on {description.dataset}", ""]
    lines += [
        f"It classifies images into {len(description.classes)} classes, and accepts a prediction if its confidence "
        f"({description.score}) is at least {_number(description.acceptance)}."
        if math.isfinite(description.acceptance)
        else "No acceptance threshold could be certified: it accepts nothing.",
        "",
        f"![Risk and coverage]({FIGURE})",
        "",
        "## What to expect",
        "",
        (
            f"Intervals cover {test.level:.0%} of bootstrap resamples over groups of dependent "
            "samples. The setting was chosen on the tuning samples, so that its numbers there are optimistic."
        ),
        "",
        *_markdown(["", "tuning (optimistic)", "test"], _rows(description)),
        "",
        "## What is guaranteed",
        "",
        *_certified(description),
        "",
        "## Stages",
        "",
    ]
    intervals = description.rule.intervals if isinstance(description.rule, IntervalRule) else []
    rows = []
    for number, stage in enumerate(description.stages):
        window = intervals[number] if number < len(intervals) else None
        goes_on = "-" if window is None else f"{_number(window.low)} to {_number(window.high)}"
        price = si(stage.costs[str(chosen["cost"])])
        rows.append(
            (str(number + 1), stage.name, f"{stage.transform['size']} px", price, goes_on, f"`{stage.weights}`")
        )
    lines += _markdown(["stage", "network", "input", cost.heading, "goes on if its confidence is", "weights"], rows)
    how = (
        f"a budget of {si(next(iter(chosen['budget'].values())))} {cost.label}"
        if "budget" in chosen
        else (f"a target of {chosen['target']:g} %")
    )
    lines += [
        "",
        "## How it was made",
        "",
        (
            f"The setting was chosen for {how} on {calibrated['tuning_samples']:,} validation samples of "
            f"{calibrated['tuning_groups']:,} independent sources; {calibrated['certification_samples']:,} independent samples "
            f"were kept for certification (split seed {calibrated['split_seed']}). It has {description.task} = "
            f"{chosen['value']:.2f} % there, at an average cost of {si(chosen['average_cost'])} {cost.label}. Made by wee "
            f"{calibrated['wee']} from {len(calibrated['entries'])} entries of the logit store."
        ),
        "",
    ]
    return "\n".join(lines)


def _rows(description: CascadeDescription) -> list[tuple[str, str, str]]:
    """The expected numbers: a name, and the number on the tuning and on the test samples."""
    label = COSTS.find(str(description.chosen["cost"])).label

    def column(numbers: Expectation) -> list[tuple[str, str]]:
        rows = [
            ("coverage", _percent(numbers.coverage)),
            ("risk of what is accepted", _percent(numbers.risk) if numbers.coverage.value else "-"),
            ("accuracy of all predictions", _percent(numbers.accuracy)),
            (f"average {label}", _interval(numbers.cost, si)),
        ]
        later = enumerate(numbers.reaching[1:], start=2)
        return rows + [(f"reaches stage {stage}", _percent(share)) for stage, share in later]

    tuning, test = column(description.tuning), column(description.expected[str(TEST)])
    return [(name, first, second) for (name, first), (_, second) in zip(tuning, test, strict=True)]


def _certified(description: CascadeDescription) -> list[str]:
    """What is guaranteed, and what could not be, as paragraphs of the card."""
    certified = description.certified
    if certified is None:
        return ["Nothing is guaranteed: the cascade was calibrated without `guarantee.*`."]
    refusal = [] if certified.refusal is None else [f"Not certified: {certified.refusal}."]
    paragraphs = [*_guarantees(description), *refusal]
    return [line for paragraph in paragraphs for line in (paragraph, "")][:-1]


def _guarantees(description: CascadeDescription) -> list[str]:
    certified = description.certified
    if certified is None:
        return []
    lines = []
    with_probability = f"With probability {_share(1 - certified.delta)}, "
    for guarantee in certified.guarantees:
        if not guarantee.holds:
            continue
        if guarantee.samples is None:
            amount = f"the average is at most {si(guarantee.limit)} MACs (bound {si(guarantee.bound)})."
            lines.append(with_probability + amount)
        else:
            lines.append(
                f"{with_probability}{_WORDS[guarantee.name]} is at most {_share(guarantee.limit)} ({guarantee.losses} losses "
                f"among {guarantee.samples:,} certification samples; bound {_share(guarantee.bound)})."
            )
    if lines:
        what = "They hold together with that probability" if len(lines) > 1 else "This holds"
        lines.append(f"{what} if {certified.assumption}. Nothing is guaranteed on shifted data.")
    return lines


def _draw(path: Path, description: CascadeDescription, curves: Mapping[str, tuple[Floats, Floats]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from wee.figures.style import RC, look
    from wee.method import Ensemble, Single, Window

    looks = dict(zip(curves, (look(policy.name) for policy in (Window, Single, Ensemble)), strict=False))
    with plt.rc_context(RC):
        figure, axis = plt.subplots(figsize=(3.4, 2.3), dpi=200)
        for name, (coverage, risk) in curves.items():
            drawn_as = looks[name]
            axis.plot(
                100 * coverage,
                100 * risk,
                color=drawn_as.colour,
                linestyle=drawn_as.dash,
                label=name,
                zorder=drawn_as.order,
            )
        test = description.expected[str(TEST)]
        if math.isfinite(description.acceptance):
            axis.plot(
                [100 * test.coverage.value], [100 * test.risk.value], marker="o", markersize=5,
                color=looks["cascade"].colour, linestyle="none", label="at the acceptance threshold", zorder=5,
            )  # fmt: skip
        axis.set_xlabel("coverage (%)")
        axis.set_ylabel("risk (%)")
        axis.set_xlim(0, 100)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{description.dataset}, test set", loc="left")
        axis.legend(frameon=False, loc="upper left")
        figure.savefig(path)
        plt.close(figure)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' if k == 0 else ' ---: ' for k in range(len(head)))}|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def _percent(number: Estimate) -> str:
    return _interval(number, lambda value: f"{100 * value:.2f}") + " %"


def _share(value: float) -> str:
    """A share in per cent, with up to five digits: "99.6 %", never rounded to 100 %."""
    return f"{100 * value:.5g} %"


def _interval(number: Estimate, write: Callable[[float], str]) -> str:
    return f"{write(number.value)} [{write(number.lower)}, {write(number.upper)}]"


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ("any" if value < 0 else "none")
