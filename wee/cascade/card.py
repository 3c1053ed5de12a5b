"""The card of a calibrated cascade: a page with a figure, for those who deploy it, and the table that the command prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from wee.cascade.config import TESTED, SettingConfig
from wee.cascade.description import CascadeDescription, Estimate, Expectation
from wee.costs import COSTS
from wee.data.splits import TEST
from wee.method import Interval, IntervalRule, rule_from_dict
from wee.method.arrays import Floats
from wee.units import counted, si

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
    for column in _columns(description):
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
    chosen, test = description.chosen, description.expected[str(TEST)]
    cost, what = COSTS.find(str(chosen["cost"])), "images" if description.runs else "samples"
    lines = [f"# A cascade for {description.task} on {description.dataset}", ""]
    lines += [
        f"It classifies {what} into {len(description.classes)} classes, and accepts a prediction if its confidence "
        f"({description.score}) is at least {_number(description.acceptance)}."
        if math.isfinite(description.acceptance)
        else "No acceptance threshold could be certified: it accepts nothing.",
        "",
        f"![Risk and coverage]({FIGURE})",
        "",
        "## What to expect",
        "",
        (
            f"Intervals are {test.level:.0%} bootstrap intervals over groups of dependent samples. The setting and its "
            "windows were chosen on the tuning samples, so that only the numbers on other samples are unbiased."
        ),
        "",
        *_markdown(_columns(description), _rows(description)),
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
        goes_on = "-" if window is None else _window(window)
        price = si(stage.costs[str(chosen["cost"])])
        size, weights = f"{stage.transform['size']} px" if stage.weights else "-", f"`{stage.weights}`"
        rows.append((str(number + 1), stage.name, size, price, goes_on, weights if stage.weights else "-"))
    lines += _markdown(["stage", "network", "input", cost.heading, "goes on if its confidence is", "weights"], rows)
    lines += ["", "## How it was made", "", *_how(description), ""]
    return "\n".join(lines)


def _how(description: CascadeDescription) -> list[str]:
    """How the setting was chosen, and from what, as lines of the card."""
    calibrated, chosen = description.calibrated_on, description.chosen
    cost = COSTS.find(str(chosen["cost"]))
    rule = []
    if "sweep" in chosen:
        columns = [*SettingConfig.names(), "task"]
        named = [f"{name} {chosen['setting'][name]}" for name in columns if chosen["setting"].get(name) is not None]
        how = f"The setting is one of the sweep {chosen['sweep']}: {', '.join(named)}."
        rule = _saved_and_fitted(description)
        if not rule:
            how += " Its saved rule is used unchanged."
    elif "budget" in chosen:
        how = f"The setting was chosen for a budget of {cost.amount(next(iter(chosen['budget'].values())))}."
    else:
        how = f"The setting was chosen for a target of {chosen['target']:g} %."
    how += (
        f" There were {calibrated['tuning_samples']:,} tuning samples of the validation set, of "
        f"{calibrated['tuning_groups']:,} independent sources; {calibrated['certification_samples']:,} independent samples "
        f"were kept for certification (split seed {calibrated['split_seed']}). On the tuning samples the setting has "
        f"{description.task} = {chosen['value']:.2f} %, at an average cost of {cost.amount(chosen['average_cost'])}. Made by "
        f"wee {calibrated['wee']} from {counted(len(calibrated['entries']), 'entry', 'entries')} of the logit store."
    )
    return [how, *rule]


def _saved_and_fitted(description: CascadeDescription) -> list[str]:
    """The saved rule of a named setting beside the rule that was fitted for certification; empty if they are the same."""
    saved = description.chosen["rule"]
    if saved is None or rule_from_dict(saved) == description.rule or not isinstance(description.rule, IntervalRule):
        return []
    before = rule_from_dict(saved)
    assert isinstance(before, IntervalRule)
    thresholds = [
        float(entry["least"])
        for entry in description.chosen["acceptance"]
        if (entry["task"], entry["eval_score"]) == (description.task, description.score)
    ]
    rows = [
        (f"goes on from stage {number}", _window(first), _window(second))
        for number, (first, second) in enumerate(
            zip(before.intervals, description.rule.intervals, strict=True), start=1
        )
    ]
    if thresholds:
        rows.append(("accepted", _accepted(thresholds[0]), _accepted(description.acceptance)))
    return [
        "",
        (
            "For certification, the rule was fitted again on the tuning samples. The rule of the sweep was fitted on the whole "
            "validation set, the certification samples included:"
        ),
        "",
        *_markdown(["confidence", "in the sweep", "here"], rows),
    ]


def _accepted(threshold: float) -> str:
    return f"{_number(threshold)} or more" if math.isfinite(threshold) else "nothing" if threshold > 0 else "everything"


def _window(window: Interval) -> str:
    return f"{_number(window.low)} to {_number(window.high)}"


def _columns(description: CascadeDescription) -> list[str]:
    """The heads of the table of expected numbers; shifted sets carry no guarantee."""
    shifted = [f"{split} (no guarantee)" for split in description.expected if split != str(TEST)]
    return ["", "tuning (used for the choice)", str(TEST), *shifted]


def _rows(description: CascadeDescription) -> list[list[str]]:
    """The expected numbers: a name, and the number on the tuning samples, the test set and each shifted set."""
    cost = COSTS.find(str(description.chosen["cost"]))

    def column(numbers: Expectation) -> list[tuple[str, str]]:
        rows = [
            ("coverage", _percent(numbers.coverage)),
            ("risk of what is accepted", _percent(numbers.risk) if numbers.coverage.value else "-"),
            ("accuracy of all predictions", _percent(numbers.accuracy)),
            (cost.average, _interval(numbers.cost, si)),
        ]
        later = enumerate(numbers.reaching[1:], start=2)
        return rows + [(f"reaches stage {stage}", _percent(share)) for stage, share in later]

    shifted = [numbers for split, numbers in description.expected.items() if split != str(TEST)]
    columns = [column(numbers) for numbers in (description.tuning, description.expected[str(TEST)], *shifted)]
    return [[cells[0][0], *(cell for _, cell in cells)] for cells in zip(*columns, strict=True)]


def _certified(description: CascadeDescription) -> list[str]:
    """What is guaranteed, and what could not be, as paragraphs of the card."""
    certified = description.certified
    if certified is None:
        return ["Nothing is guaranteed: the cascade was calibrated without `guarantee.*`."]
    refusal = [] if certified.refusal is None else [f"Not certified: {certified.refusal}."]
    note = [] if certified.note is None else [f"{certified.note[0].upper()}{certified.note[1:]}."]
    paragraphs = [*_guarantees(description), *refusal, *note]
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
            losses = counted(guarantee.losses or 0, "loss", "losses")
            lines.append(
                f"{with_probability}{_WORDS[guarantee.name]} is at most {_share(guarantee.limit)} ({losses} among "
                f"{counted(guarantee.samples, 'certification sample')}; bound {_share(guarantee.bound)})."
            )
    if lines:
        what = "They hold together with that probability" if len(lines) > 1 else "This holds"
        lines.append(f"{what} if {certified.assumption}. Nothing is guaranteed on shifted data.")
    limits = [one.limit for one in certified.guarantees if one.holds and one.name == TESTED[0]]
    return lines + [line for limit in limits for line in _risks_above(limit, certified.delta, description)]


def _risks_above(limit: float, delta: float, description: CascadeDescription) -> list[str]:
    """Say what it means that the risk on the tuning samples or on the test set is above the certified limit.

    Args:
        limit: the certified limit of the risk, in (0, 1).
        delta: the probability that a guarantee fails.
        description: of the cascade.
    """
    lines = []
    tuning_risk, test_risk = description.tuning.risk.value, description.expected[str(TEST)].risk
    if tuning_risk > limit:
        lines.append(
            f"The risk on the tuning samples is higher ({100 * tuning_risk:.2f} %), and both can be true: the tuning samples "
            "chose the setting, its windows and the candidates for the acceptance threshold, while the threshold was chosen "
            "and certified on the certification samples alone, and the risk observed on any finite sample lies above or below "
            "the true risk."
        )
    if test_risk.value > limit >= test_risk.lower:
        lines.append(
            f"The risk on the test set is higher ({_percent(test_risk)}), and both can be true: the guarantee is about the "
            "true risk, and the risk observed on a finite test set lies above or below it; the interval contains the certified "
            f"{_share(limit)}."
        )
    elif test_risk.lower > limit:
        lines.append(
            f"The risk on the test set is higher ({_percent(test_risk)}), and its interval lies above the certified "
            f"{_share(limit)}: either the test set is from another distribution than the certification samples, or their draw "
            f"is one of those for which the guarantee fails (a share of at most {_share(delta)}); find out which before you "
            "rely on the guarantee."
        )
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
