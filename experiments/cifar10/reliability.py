"""The numbers, the tables and the figure of the page about reliability.

`python experiments/cifar10/reliability.py` measures what ensembles, cascades and more MACs improve on every set that the store
has (`improvements.py`), summarises it over sets, and draws the figure. It writes two tables, improvements.csv and
summaries.csv, into a folder beside the sweeps, from which the page is filled.

Intervals of medians over sets resample kinds of sets (the severities of a corruption together) and samples, and, from three
members on, include seed noise by the jackknife over members. With two members they do not contain it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from improvements import METRICS, SIZES, SYSTEMS, Effect, Improvement, Scope, study
from words import NAME, header, listed, row, span

from wee.method import Metric
from wee.method.arrays import Floats
from wee.method.intervals import half_width, jackknife, simultaneous
from wee.store import LogitStore

NEAR = ("objects32",)
"""The OOD sets that are near the ID data: photographs of single objects, as the ID images are, of other classes."""

EVERYTHING = "all"
"""The group of all improvements that can be compared."""


@dataclass(frozen=True)
class OverSets:
    """The median of a number over sets, or its mean.

    Attributes:
        value: the median or the mean.
        positive: the share of sets on which the number is positive, in [0, 1].
        quartiles: the lower and the upper quartile over sets.
        lower, upper: the ends of the interval of the median or mean.
        seeds: the number of members whose seed noise the interval contains; 0 if it does not.
        draws: the median or mean on resamples of kinds and samples [resamples].
        wider: half the width of the interval as a multiple of that of sampling error alone; 1 without seed noise.
    """

    value: float
    positive: float
    quartiles: tuple[float, float]
    lower: float
    upper: float
    seeds: int
    draws: Floats
    wider: float

    @classmethod
    def of(
        cls,
        effects: Sequence[Effect],
        kinds: Sequence[str],
        statistic: Callable[[Floats], np.floating] = np.median,
        level: float = 0.95,
        seed: int = 0,
    ) -> OverSets:
        """Return the median of some effects, or another statistic.

        Each resample draws kinds of sets with replacement, and takes the values of one resample of the samples, the same for
        all sets, because sets with the same images are resampled alike. The interval is symmetric around the value.

        Args:
            effects: the effects; those of several sizes are counted one by one.
            kinds: the kind of the set of each effect.
            statistic: the statistic.
            level: the coverage of the interval.
            seed: the seed of the draws of kinds.
        """
        values, draws = np.array([effect.value for effect in effects]), np.stack([effect.draws for effect in effects])
        names = list(dict.fromkeys(kinds))
        of_kind = [np.flatnonzero([kind == name for kind in kinds]) for name in names]
        rng = np.random.Generator(np.random.PCG64(seed))
        resampled = np.empty(draws.shape[1])
        for k in range(len(resampled)):
            chosen = np.concatenate([of_kind[kind] for kind in rng.integers(len(names), size=len(names))])
            resampled[k] = statistic(draws[chosen, k])
        members = sorted(frozenset().union(*(effect.left_out for effect in effects)))
        left_out = [float(statistic(np.array([effect.left_out.get(m, np.nan) for effect in effects]))) for m in members]
        value, sampling_error, seed_error = float(statistic(values)), float(resampled.std(ddof=1)), jackknife(left_out)
        seeds = 0 if seed_error is None else len(members)
        # Without seed noise, the number of members that it is from has no meaning.
        half = half_width(seed_error or 0.0, max(seeds, 2), sampling_error, level)
        wider = half / half_width(0.0, max(seeds, 2), sampling_error, level) if sampling_error else 1.0
        quartiles = float(np.quantile(values, 0.25)), float(np.quantile(values, 0.75))
        positive = float((values > 0).mean())
        return cls(value, positive, quartiles, value - half, value + half, seeds, resampled, wider)


EFFECTS = {"own": np.median, "scaling": np.median, "advantage": np.median, "oftener": np.mean}
"""What is summarised of improvements, and by which statistic: see `Improvement`."""

CLAIMED = ("advantage", "oftener")
"""What the claim is about, and what simultaneous intervals are given for."""


@dataclass(frozen=True)
class Said:
    """What some improvements of one system say together: a row of the table `summaries.csv`.

    Attributes:
        data: "shift" or "ood".
        system: the policy.
        group: what they have in common: "all" that can be compared, a size, a kind, "severity 3", "near" or "far".
        count, sets, kinds: the numbers of improvements, of sets and of kinds.
        times_least, times_most: the MACs of the system as a multiple of those of its single model.
        effects: the summary of each of `EFFECTS`; of "own" alone where there is no single model to compare with.
    """

    data: str
    system: str
    group: str
    count: int
    sets: int
    kinds: int
    times_least: float
    times_most: float
    effects: dict[str, OverSets]

    @classmethod
    def of(cls, data: str, system: str, group: str, found: Sequence[Improvement]) -> Said:
        """Summarise improvements of one system; single models are compared if every one of them can be."""
        kinds, times = [one.kind for one in found], [one.times for one in found]
        effects = {}
        for name, statistic in EFFECTS.items():
            known = [effect for effect in (getattr(one, name) for one in found) if effect is not None]
            if len(known) == len(found):
                effects[name] = OverSets.of(known, kinds, statistic)
        sets = len({one.set for one in found})
        return cls(data, system, group, len(found), sets, len(set(kinds)), min(times), max(times), effects)

    def cells(self) -> dict[str, object]:
        """Return the cells of the row, without those of simultaneous intervals."""
        cells = {name: value for name, value in vars(self).items() if name != "effects"}
        for name in EFFECTS:
            effect = self.effects.get(name)
            numbers = (np.nan,) * 6
            if effect is not None:
                numbers = (effect.value, effect.positive, effect.lower, effect.upper, *effect.quartiles)
            columns = (name, *(f"{name}_{column}" for column in ("positive", "lower", "upper", "low", "high")))
            cells |= dict(zip(columns, numbers, strict=True))
        return {**cells, "seeds": min(effect.seeds for effect in self.effects.values())}


def groups_of(data: str, found: Sequence[Improvement]) -> Iterator[tuple[str, list[Improvement]]]:
    """Yield groups of the improvements of one system, with their names; see `Said.group`."""
    compared = [one for one in found if one.scaling is not None]
    if compared:
        yield EVERYTHING, compared
    for size in SIZES:
        of_size = [one for one in found if one.size == size]
        if of_size:
            yield size, of_size
    if data == "ood":
        yield from _grouped(compared, lambda one: "near" if one.kind in NEAR else "far")
    else:
        yield from _grouped(compared, lambda one: f"severity {one.set.rpartition('-')[2]}")
    yield from _grouped(compared, lambda one: one.kind)


def _grouped(
    found: Sequence[Improvement], name: Callable[[Improvement], str]
) -> Iterator[tuple[str, list[Improvement]]]:
    for group in dict.fromkeys(name(one) for one in found):
        yield group, [one for one in found if name(one) == group]


def summaries(results: Mapping[str, Sequence[Improvement]]) -> pd.DataFrame:
    """Summarise the improvements on shifted and on OOD sets, with simultaneous intervals of what is claimed.

    The simultaneous intervals hold together for all of `CLAIMED`, over all sets and over the sets at one size (the groups
    "all" and the sizes): the columns such as `advantage_simultaneous_lower`, and their number, `comparisons`.
    """
    said = [
        Said.of(data, system, group, of_group)
        for data, found in results.items()
        for system in SYSTEMS
        for group, of_group in groups_of(data, [one for one in found if one.system == system])
    ]
    table = pd.DataFrame([one.cells() for one in said])
    family = [
        (place, name, one.effects[name])
        for place, one in enumerate(said)
        for name in CLAIMED
        if name in one.effects and one.group in (EVERYTHING, *SIZES)
    ]
    for name in CLAIMED:
        table = table.assign(**{f"{name}_simultaneous_{end}": np.nan for end in ("lower", "upper")})
    if not family:
        return table.assign(comparisons=0)
    values, draws = np.array([effect.value for *_, effect in family]), np.stack([effect.draws for *_, effect in family])
    held = simultaneous(values, draws, np.full(len(values), 1e-9))
    for (place, name, effect), error, included in zip(family, held.errors, held.taking_part, strict=True):
        half = held.critical * error * effect.wider if included else 0.0
        table.loc[place, f"{name}_simultaneous_lower"] = effect.value - half
        table.loc[place, f"{name}_simultaneous_upper"] = effect.value + half
    return table.assign(comparisons=int(held.taking_part.sum()))


def write(results: Mapping[str, Sequence[Improvement]], scope: Scope, resamples: int, folder: Path) -> None:
    """Write the two tables and what they are about into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            **{name: getattr(one, name) for name in ("set", "kind", "size", "system", "times")},
            "own": one.own.value,
            "scaling": None if one.scaling is None else one.scaling.value,
            "advantage": None if one.advantage is None else one.advantage.value,
        }
        for found in results.values()
        for one in found
    ]
    pd.DataFrame(rows).to_csv(folder / "improvements.csv", index=False)
    summaries(results).to_csv(folder / "summaries.csv", index=False)
    sets = {data: [split.name for split in splits] for data, splits in scope.sets.items()}
    about = {"sizes": scope.sizes, "members": scope.members, "lacking": scope.lacking, "sets": sets}
    (folder / "about.json").write_text(json.dumps({**about, "resamples": resamples}), encoding="utf-8")


DATA = {"shift": "shifted sets", "ood": "OOD sets"}
"""What the page calls sets of each kind."""


@dataclass(frozen=True)
class Reliability:
    """What the study has found: the content of its folder.

    Attributes:
        about: the sizes, members and sets.
        rows: the table `summaries.csv`.
    """

    about: dict[str, Any]
    rows: pd.DataFrame

    @classmethod
    def read(cls, sweeps: Path) -> Reliability:
        """Read the study from the folder of sweeps.

        Raises:
            SystemExit: there is none.
        """
        folder = sweeps / NAME.format(kind="reliability")
        if not (folder / "about.json").is_file():
            raise SystemExit(f"there is no study in {folder}; make it: make reliability DATASET=cifar10")
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return cls(about, pd.read_csv(folder / "summaries.csv"))

    def get(self, data: str, system: str, group: str) -> pd.Series | None:
        """Return the summary of a group; None if it has nothing to compare."""
        rows = self.rows[(self.rows.data == data) & (self.rows.system == system) & (self.rows.group == group)]
        return None if rows.empty else rows.iloc[0]

    def by_size(self, data: str, system: str) -> pd.DataFrame:
        """Return the summaries of a system at each size."""
        rows = self.rows
        return rows[(rows.data == data) & (rows.system == system) & rows.group.isin(SIZES)]

    def verdict(self, data: str, system: str, effect: str) -> str:
        """Return "better", "worse" or "open" by the simultaneous interval over all sets, or "none" without a comparison.

        Args:
            data, system: the kind of sets, and the policy.
            effect: one of `CLAIMED`.
        """
        said = self.get(data, system, EVERYTHING)
        if said is None:
            return "none"
        lower, upper = (said[f"{effect}_simultaneous_{end}"] for end in ("lower", "upper"))
        return "better" if lower > 0 else "worse" if upper < 0 else "open"


COMPARED = (
    "**{System}s on {data} ({metric}).** There are {count} cases: {sets} sets at {sizes}. The {system} improves on the\n"
    "  single model of its size in {own_cases} of them, with a median of {own} points; single models with the same MACs\n"
    "  improve in {scaling_cases}, with a median of {scaling} points. In percentage points of the cases, the {system}\n"
    "  improves more often by {oftener}. It improves more than single models with the same MACs in {advantage_cases} cases;\n"
    "  the median of the differences is {advantage} points, and their quartiles over the cases are {low} and {high}. By the\n"
    "  simultaneous intervals of the median at one size, it improves more at {better}, and less at {worse}."
)
NOT_COMPARED = (
    "**{System}s on {data} ({metric})** cost more than the largest single model that has these sets, so that nothing can be\n"
    "  compared at equal MACs. By themselves, they improve on the single model of their size {sizes}."
)
CLAIM = {
    "advantage": {
        "better": "It is so for {systems}: the simultaneous intervals of the median lie above zero.",
        "worse": "It is the reverse for {systems}: the simultaneous intervals of the median lie below zero.",
        "open": "It is not decided for {systems}: the simultaneous intervals of the median contain zero.",
    },
    "oftener": {
        "better": "It is so for {systems}: the simultaneous intervals lie above zero.",
        "worse": "It is the reverse for {systems}: the simultaneous intervals lie below zero.",
        "open": "It is not decided for {systems}: the simultaneous intervals contain zero.",
    },
}
"""What the page concludes about both parts of the claim."""

NOT_ASKED = "Neither can be asked of {systems}: no single model that has these sets costs as much."


def bullet(study: Reliability, data: str, system: str) -> str:
    """Return what the page says of one system on one kind of sets."""
    name, by_size, said = SYSTEMS[system], study.by_size(data, system), study.get(data, system, EVERYTHING)
    about = {"system": name, "System": name.capitalize(), "data": DATA[data], "metric": label(data)}
    if said is None:
        sizes = [
            f"in {_cases(size, 'own')} cases at {size.group}, with a median of {_interval(size, 'own')} points"
            for _, size in by_size.iterrows()
        ]
        return NOT_COMPARED.format(**about, sizes=listed(sizes, "in no case"))
    compared = by_size[by_size.scaling.notna()]
    better = compared[compared.advantage_simultaneous_lower > 0]
    worse = compared[compared.advantage_simultaneous_upper < 0]
    return COMPARED.format(
        **about,
        count=said["count"],
        sets=said.sets,
        sizes=listed(compared.group, "no size"),
        **{f"{effect}_cases": _cases(said, effect) for effect in ("own", "scaling", "advantage")},
        **{effect: _interval(said, effect) for effect in EFFECTS},
        low=f"{said.advantage_low:+.2f}",
        high=f"{said.advantage_high:+.2f}",
        better=_of(better.group, len(compared)),
        worse=_of(worse.group, len(compared)),
    )


def label(data: str) -> str:
    """Return the metric on sets of a kind, as the page writes it."""
    return Metric.parse(METRICS[data][0]).label


def _cases(said: pd.Series, effect: str) -> str:
    positive = said[f"{effect}_positive"]
    return f"{round(positive * said['count'])} of {said['count']}"


def _interval(said: pd.Series, effect: str) -> str:
    """Return a median with its own interval and, where there is one, the simultaneous interval; "oftener" in per cent."""
    scale, digits = (100, 0) if effect == "oftener" else (1, 2)
    columns = [effect, f"{effect}_lower", f"{effect}_upper"]
    columns += [f"{effect}_simultaneous_{end}" for end in ("lower", "upper") if effect in CLAIMED]
    numbers = (scale * said[column] for column in columns if pd.notna(said[column]))
    if effect == "oftener":
        numbers = (min(max(number, -100.0), 100.0) for number in numbers)  # a difference of two shares
    value, *ends = (f"{number:+.{digits}f}" for number in numbers)
    own, *others = (f"{low}, {high}" for low, high in zip(ends[::2], ends[1::2], strict=True))
    return " ".join([value, f"[{own}]", *(f"{{{other}}}" for other in others)])


def _of(sizes: Sequence[str], count: int) -> str:
    names = list(sizes)
    return f"{len(names)} of {count} sizes" + (f" ({listed(names, '')})" if names else "")


def table(study: Reliability, data: str) -> list[str]:
    """Return the lines of a table of one kind of sets: each system over all cases that can be compared, and at each size."""
    heads = [
        "MACs",
        "cases",
        "improves",
        "by",
        "single models improve",
        "by",
        "improves more",
        "by",
        "quartiles",
        "more often",
    ]
    lines = header(["system", "size"], heads)
    for system, name in SYSTEMS.items():
        by_size, everything = study.by_size(data, system), study.get(data, system, EVERYTHING)
        rows = [size for _, size in by_size.iterrows()]
        if everything is not None and by_size.scaling.notna().sum() > 1:
            rows = [everything, *rows]
        for said in rows:
            cells = [span([said.times_least, said.times_most], 2), str(said["count"]), *_pair(said, "own")]
            if pd.isna(said.scaling):
                cells += ["-"] * 6
            else:
                cells += [*_pair(said, "scaling"), *_pair(said, "advantage")]
                cells += [f"{said.advantage_low:+.2f} to {said.advantage_high:+.2f}", _interval(said, "oftener")]
            lines.append(row([name, "all compared" if said.group == EVERYTHING else said.group, *cells]))
    return lines


def _pair(said: pd.Series, effect: str) -> list[str]:
    return [f"{said[f'{effect}_positive']:.0%}", _interval(said, effect)]


def spread_table(study: Reliability, data: str) -> list[str]:
    """Return the lines of a table of the kinds of sets, and of their severities or of near and far sets."""
    compared = [system for system in SYSTEMS if study.get(data, system, EVERYTHING) is not None]
    heads = [head for system in compared for head in (SYSTEMS[system], "single models", "difference")]
    lines = header(["sets"], heads)
    rows = study.rows[(study.rows.data == data) & ~study.rows.group.isin((EVERYTHING, *SIZES))]
    for group in sorted(rows.group.unique(), key=lambda group: group != "near"):  # near before far
        cells = []
        for system in compared:
            said = study.get(data, system, group)
            effects = ("own", "scaling", "advantage")
            cells += (
                ["-"] * 3
                if said is None
                else [f"{said.own:+.2f}", f"{said.scaling:+.2f}", _interval(said, effects[-1])]
            )
        lines.append(row([group_name(group), *cells]))
    return lines


def group_name(group: str) -> str:
    """Return the name of a group as the page writes it: "gaussian noise" for "corrupted-gaussian_noise"."""
    return group.removeprefix("corrupted-").replace("_", " ")


def _near_and_far(study: Reliability) -> str:
    parts = []
    for system, name in SYSTEMS.items():
        for group in ("near", "far"):
            said = study.get("ood", system, group)
            if said is not None:
                parts.append(f"{_interval(said, 'advantage')} points on {group} sets for {name}s")
    return listed(parts, "nothing can be compared")


def _conclusion(study: Reliability, effect: str) -> str:
    """Return for which systems and sets a part of the claim holds, does not hold, or is open."""
    parts = []
    for verdict, text in CLAIM[effect].items():
        names = [name for name, known in _verdicts(study, effect) if known == verdict]
        parts += [text.format(systems=listed(names, ""))] if names else []
    return " ".join(parts) or "Nothing can be compared."


def _answer(study: Reliability) -> str:
    """Return whether the claim holds, in one sentence."""
    verdicts = [verdict for effect in CLAIMED for _, verdict in _verdicts(study, effect)]
    if set(verdicts) == {"better"}:
        return "Yes: every simultaneous interval lies above zero."
    if "better" in verdicts:
        return "In part."
    if "worse" in verdicts:
        return "No: no simultaneous interval lies above zero, and some lie below."
    return "That is not shown: no simultaneous interval excludes zero."


def _not_asked(study: Reliability) -> str:
    names = [name for name, verdict in _verdicts(study, "advantage") if verdict == "none"]
    return NOT_ASKED.format(systems=listed(names, "")) if names else ""


def _verdicts(study: Reliability, effect: str) -> list[tuple[str, str]]:
    """Return "cascades on shifted sets" and the like, each with its verdict."""
    return [
        (f"{name}s on {DATA[data]}", study.verdict(data, system, effect))
        for data in study.about["sets"]
        for system, name in SYSTEMS.items()
    ]


def places(folder: Path) -> dict[str, str]:
    """Every number, table and conclusion of the page reliability.md, by name.

    Args:
        folder: the folder of sweeps.
    """
    study = Reliability.read(folder)
    about = study.about
    sizes, lacking, sets = about["sizes"], about["lacking"], about["sets"]
    far = [name for name in sets["ood"] if name not in NEAR]
    return {
        "bullets": "\n".join(f"- {bullet(study, data, system)}" for data in sets for system in SYSTEMS),
        "oftener": _conclusion(study, "oftener"),
        "advantage": _conclusion(study, "advantage"),
        "answer": _answer(study),
        "not_asked": _not_asked(study),
        "sizes": listed(sizes, "no size"),
        "size_count": str(len(sizes)),
        "lacking": f"{listed(lacking, '')} lack some of them and take no part" if lacking else "these are all sizes",
        "members": listed(map(str, about["members"]), "none"),
        "shifted_count": str(len(sets["shift"])),
        "shifted_kinds": listed(dict.fromkeys(group_name(name.rpartition("-")[0]) for name in sets["shift"]), "none"),
        "severities": listed(sorted({name.rpartition("-")[2] for name in sets["shift"]}), "none"),
        "ood_count": str(len(sets["ood"])),
        "near": listed([name for name in sets["ood"] if name in NEAR], "none"),
        "far": listed(far, "none"),
        "near_and_far": _near_and_far(study),
        "comparisons": str(study.rows.comparisons.max()),
        "resamples": f"{about['resamples']:,}",
        "seeds": _seeds(study),
        "shift_table": "\n".join(table(study, "shift")),
        "ood_table": "\n".join(table(study, "ood")),
        "shift_spread": "\n".join(spread_table(study, "shift")),
        "ood_spread": "\n".join(spread_table(study, "ood")),
    }


def _seeds(study: Reliability) -> str:
    counts = study.rows[study.rows.scaling.notna()].seeds
    if (counts > 0).all():
        return f"include the seed noise of {counts.min():.0f} members"
    return "do not contain seed noise"


def draw(results: Mapping[str, Sequence[Improvement]], file: Path) -> None:
    """Draw the improvement of each system over that of single models at the same MACs: one point for a set and a size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from wee.figures.style import INK, RC, look

    with plt.rc_context(RC):
        figure, axes = plt.subplots(1, len(results), figsize=(2.9 * len(results), 3.5), squeeze=False)
        for axis, (data, found) in zip(axes[0], results.items(), strict=True):
            points = [(one, one.scaling.value, one.own.value) for one in found if one.scaling is not None]
            ends = [0.0, *(value for _, *pair in points for value in pair)]
            pad = 0.06 * (max(ends) - min(ends) or 1)
            low, high = min(ends) - pad, max(ends) + pad
            axis.fill_between([low, high], [low, high], high, color="#f3f3f3", zorder=0, lw=0)
            axis.plot([low, high], [low, high], color=INK, lw=0.7, ls="--", zorder=1)
            axis.axhline(0, color="#999999", lw=0.6, zorder=1)
            axis.axvline(0, color="#999999", lw=0.6, zorder=1)
            for system, name in SYSTEMS.items():
                style = look(system)
                of_system = [(x, y, one.kind in NEAR) for one, x, y in points if one.system == system]
                if not of_system:
                    continue
                above = sum(y > x for x, y, _ in of_system)
                text = f"{name}: {above} of {len(of_system)} above the diagonal"
                for near in (False, True):
                    pairs = [(x, y) for x, y, is_near in of_system if is_near is near]
                    if not pairs:
                        continue
                    shown = (
                        {"mfc": "white", "mec": style.colour, "mew": 0.9} if near else {"color": style.colour, "mew": 0}
                    )
                    axis.plot(
                        *zip(*pairs, strict=True), ls="", marker=style.marker, ms=3.8, alpha=0.85, zorder=3,
                        label=f"{name}, near ({listed(NEAR, '')})" if near else text, **shown,
                    )  # fmt: skip
            axis.set_xlim(low, high)
            axis.set_ylim(low, high)
            axis.set_aspect("equal")
            axis.set_title(f"{label(data)}, {DATA[data]}")
            axis.set_xlabel("improvement by single models\nwith the same MACs (points)")
            for one_axis in (axis.xaxis, axis.yaxis):
                one_axis.set_major_locator(MaxNLocator(5))
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False, handletextpad=0.2)
        axes[0][0].set_ylabel("improvement by the ensemble\nor the cascade (points)")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200, bbox_inches="tight")
        plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    name = NAME.format(kind="reliability")
    parser.add_argument("--store", type=Path, default=Path(__file__).with_name("store"), help="the store of the logits")
    parser.add_argument("--resamples", type=int, default=500, help="the number of bootstrap resamples")
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="the folder of sweeps")
    parser.add_argument("--file", type=Path, default=Path("outputs/figures", f"{name}.png"), help="the figure")
    arguments = parser.parse_args()
    store = LogitStore(arguments.store)
    scope = Scope.of(store)
    results = {
        data: study(store, scope.sizes, scope.members, sets, arguments.resamples) for data, sets in scope.sets.items()
    }
    write(results, scope, arguments.resamples, arguments.sweeps / name)
    draw(results, arguments.file)
