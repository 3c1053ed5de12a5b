"""From the logits of text classifiers to a front and a certificate: import, sweep, calibrate.

    python experiments/text/run.py    # prints the tables of README.md, and draws text.png, both into outputs/text

Nothing here is about text: logits of any classifiers go the same way.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from wee.cascade.config import CascadePlan, GuaranteeConfig
from wee.cascade.search import Choice, within_budget
from wee.cascade.workshop import Workshop
from wee.data.splits import TEST, VAL
from wee.store import LogitStore
from wee.sweep.cache import SummaryCache
from wee.sweep.config import BootstrapConfig, ScoringConfig
from wee.sweep.pool import Pool, read_pool
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

    (sweep,) = find_sweeps(folder / "outputs" / "sweeps", ["text"])
    averages, quality = (pd.read_csv(sweep / f"{name}.csv") for name in ("averages", "equal_quality"))
    store = LogitStore(folder / "outputs" / "store")
    pool, missing = read_pool(store, "docstrings", "mlp", list(MACS), [0, 1], [VAL, TEST], [])
    assert pool is not None, missing
    guarantee = GuaranteeConfig(risk=RISK, delta=DELTA)
    plan = CascadePlan(TASK, "msp", 3, {"macs": BUDGET}, None, guarantee, False, False, BootstrapConfig(1000), 0)
    workshop = Workshop(plan, pool, SummaryCache(ScoringConfig(accelerator="cpu")))
    choice = within_budget(workshop.front(), workshop.task, BUDGET, "MACs")
    return "\n".join([*front(averages, quality), "", *certificate(workshop, choice, pool)])


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


def certificate(workshop: Workshop, choice: Choice, pool: Pool) -> list[str]:
    """Return the lines about the calibrated cascade: what it is, what is certified of it, and what it does on the test set."""
    calibrated = workshop.calibrated(choice)
    assert calibrated.certificate is not None
    stages = workshop.stages(choice.lineup, TEST)
    outcome = stages.at(calibrated.rule(stages))
    accepted = outcome.score("msp") >= calibrated.threshold
    errors, count = calibrated.certificate.losses[0], calibrated.certificate.counts[0]
    lineup = [f"{pool.networks[place].scale} {pool.networks[place].member}" for place in choice.lineup]
    reaching = ", ".join(f"{(outcome.exits >= stage).mean():.0%}" for stage in range(len(lineup)))
    return [
        "| the calibrated cascade | |",
        "| --- | --- |",
        f"| runs | {', then '.join(lineup)} |",
        f"| accepts a text from a confidence of | {calibrated.threshold:.3f} |",
        f"| certified with a probability of {1 - DELTA:.0%} | at most {RISK:.0%} of accepted texts are wrong |",
        f"| by the certification texts | {errors} errors among {count} accepted of {len(workshop.parts.certification)} |",
        f"| on test: texts that reach each stage | {reaching} |",
        f"| on test: average MACs | {outcome.mean_cost:,.0f} |",
        f"| on test: accepted | {accepted.mean():.1%} |",
        f"| on test: wrong among the accepted | {1 - outcome.correct[accepted].mean():.1%} |",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the folder outputs is made")
    sys.stdout.write(run(parser.parse_args().folder.resolve()) + "\n")
