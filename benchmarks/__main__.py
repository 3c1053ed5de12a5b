"""`python -m benchmarks [sweep] [evaluate] [train] [export] [scaling] [--folder FOLDER]`: all of it, or a part."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import evaluate, export, scaling, sweep, train
from benchmarks.report import Report

PARTS = {"sweep": sweep.run, "evaluate": evaluate.run, "train": train.run, "export": export.run}
LONG = {"scaling": scaling.run}
"""Parts that run only if they are named."""


def main() -> None:
    """Run what is asked for, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[[], *PARTS, *LONG], help="which parts; all but scaling where none is named"
    )
    parser.add_argument("--folder", type=Path, default=Path("outputs/bench"), help="where data and results lie")
    asked = parser.parse_args()
    report = Report()
    for name in asked.parts or PARTS:
        {**PARTS, **LONG}[name](asked.folder, report)
    report.write(asked.folder, "-".join(["bench", *asked.parts]))


if __name__ == "__main__":
    main()
