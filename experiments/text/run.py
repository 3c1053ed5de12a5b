"""From the logits of text classifiers to a front and a certificate: import, sweep, calibrate.

    python experiments/text/run.py    # prints the tables of README.md, and draws outputs/figures/text.png

Nothing here is about text: logits of any classifiers go the same way.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from wee.cascade.description import CascadeDescription
from wee.sweep.results import find_sweeps

HERE = Path(__file__).resolve().parent
MACS = {"small": 131, "medium": 604, "large": 3153}
"""The multiply-adds for a text at each scale, as `make_logits.py` prints them."""

TASK, RISK, DELTA, BUDGET = "cov@20", 0.2, 0.1, 2500


def wee(*arguments: str, folder: Path) -> None:
    """Run a command of wee."""
    subprocess.run([sys.executable, "-m", "wee", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def run(folder: Path) -> str:
    """Import, sweep, draw and calibrate in a folder; return the printed page."""
    names = ["dataset.name=docstrings", "family.name=mlp"]
    for scale, macs in MACS.items():
        wee("import", f"file={HERE / scale}.npz", *names, f"scale={scale}", f"macs={macs}", folder=folder)
    stored = ["dataset=stored", "family=stored", *names]
    measured = [f"task.names=[{TASK},risk@50]", "bootstrap.resamples=1000", "window.width=[0.2]"]
    wee("sweep", *stored, *measured, "policy=paper", "name=text", folder=folder)
    panels = f"figure.panels=[{TASK},risk@50]"
    wee("figure", "figure=sc", panels, "sweeps=text", "name=text", "figure.formats=[png]", folder=folder)

    chosen = [f"task={TASK}", f"budget.macs={BUDGET}", f"guarantee.risk={RISK}", f"guarantee.delta={DELTA}"]
    wee("calibrate", *stored, *chosen, "name=text", folder=folder)

    (sweep,) = find_sweeps(folder / "outputs" / "sweeps", ["text"])
    averages, quality = (pd.read_csv(sweep / f"{name}.csv") for name in ("averages", "equal_quality"))
    description = CascadeDescription.load(folder / "outputs" / "cascades" / "text")
    return "\n".join([*front(averages, quality), "", *certificate(description)])


def front(averages: pd.DataFrame, quality: pd.DataFrame) -> list[str]:
    """Return the lines of the table of policies, on the test set."""
    lines = ["| scale | policy | MACs | Cov@20 | Risk@50 | MACs of an equally good single model (Cov@20) |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: |"]
    keys = ["scale", "policy"]
    for (scale, policy), rows in averages[averages.split == "test"].groupby(keys, sort=False):
        cells = []
        for metric in (TASK, "risk@50"):
            row = rows[(rows.metric == metric) & (rows.task.isna() | (rows.task == metric))].iloc[0]
            cells.append(f"{row.value:.1f} ({row.lower:.1f} to {row.upper:.1f})")
        equal = quality[(quality.scale == scale) & (quality.policy == policy) & (quality.metric == TASK)]
        equal = equal[(equal.split == "test") & (equal.task.isna() | (equal.task == TASK))]
        of_task = rows[rows.metric == TASK]
        price = of_task[of_task.task.isna() | (of_task.task == TASK)].price.iloc[0]
        shares = [f"{'more than ' if row.bound == '<' else ''}{row.single_price:,.0f}" for row in equal.itertuples()]
        lines.append(f"| {' | '.join([str(scale), str(policy), f'{price:,.0f}', *cells, *(shares or [''])])} |")
    return lines


def certificate(description: CascadeDescription) -> list[str]:
    """Return the lines about the calibrated cascade: what it is, what is certified of it, and what it does on the test set."""
    assert description.certified is not None
    (guarantee,), test = description.certified.guarantees, description.expected["test"]
    stages = [f"{stage.scale} {stage.member}" for stage in description.stages]
    reaching = ", ".join(f"{share.value:.0%}" for share in test.reaching)
    return [
        "| the calibrated cascade | |",
        "| --- | --- |",
        f"| runs | {', then '.join(stages)} |",
        f"| accepts a text from a confidence of | {description.acceptance:.3f} |",
        f"| certified with a probability of {1 - DELTA:.0%} | at most {guarantee.limit:.0%} of accepted texts are wrong |",
        f"| by the certification texts | {guarantee.losses} errors among {guarantee.samples} that are accepted |",
        f"| on test: texts that reach each stage | {reaching} |",
        f"| on test: average MACs | {test.cost.value:,.0f} |",
        f"| on test: accepted | {test.coverage.value:.1%} [{test.coverage.lower:.1%}, {test.coverage.upper:.1%}] |",
        f"| on test: wrong among the accepted | {test.risk.value:.1%} [{test.risk.lower:.1%}, {test.risk.upper:.1%}] |",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the folder outputs is made")
    sys.stdout.write(run(parser.parse_args().folder.resolve()) + "\n")
