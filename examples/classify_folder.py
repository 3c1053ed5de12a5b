"""Classify a folder of images with a calibrated cascade, and print what is accepted and what is rejected.

A rejected image is one on which the cascade is not confident enough: give it to somebody else. `wee predict` does the same
from the command line, and writes a table.

    wee calibrate task=cov@10 budget.macs=1e6            # after make demo: a cascade
    wee data images=outputs/images                       # the test images of the demo, as files
    python examples/classify_folder.py outputs/cascades/digits-tiny-cov10 outputs/images
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from wee.cascade.drift import compare_shares, warning
from wee.cascade.module import Cascade
from wee.cascade.predict import Predictor
from wee.data.images.listing import list_images
from wee.errors import WeeError


def classify(cascade_folder: Path, images: Path, batch_size: int) -> None:
    """Classify the images, and print a line for each and a summary."""
    cascade = Cascade.load(cascade_folder)
    listing = list_images(images)
    predictor = Predictor(cascade, listing)
    unreadable: dict[str, str] = {}
    accepted: list[bool] = []
    stages: list[int] = []
    for start in range(0, len(listing.names), batch_size):
        places = range(start, min(start + batch_size, len(listing.names)))
        for row in predictor.rows(places, unreadable):
            decision = "accepted" if row.accepted else "rejected"
            accepted.append(row.accepted)
            stages.append(row.stage)
            print(f"{decision}  {row.file}: {row.name} (confidence {row.confidence:.3f}, stage {row.stage})")
    for name, reason in unreadable.items():
        print(f"skipped   {name}: {reason}", file=sys.stderr)
    expected = predictor.description.expected["test"]
    print(
        f"{accepted.count(True)} accepted, {accepted.count(False)} rejected, {len(unreadable)} unreadable; on the test set "
        f"{expected.coverage.value:.1%} were accepted, with a risk of {expected.risk.value:.1%}"
    )
    drift = warning(predictor.description, compare_shares(predictor.description, accepted, stages))
    if drift is not None:
        print(f"warning: {drift}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and classify."""
    parser = argparse.ArgumentParser(description="Classify a folder of images with a calibrated cascade.")
    parser.add_argument("cascade", type=Path, help="the folder that wee calibrate has made")
    parser.add_argument("images", type=Path, help="a folder of images or of class folders, or a file list")
    parser.add_argument("--batch-size", type=int, default=64)
    given = parser.parse_args(arguments)
    try:
        classify(given.cascade, given.images, given.batch_size)
    except WeeError as error:
        sys.exit(f"classify_folder: {error}")


if __name__ == "__main__":
    main()
