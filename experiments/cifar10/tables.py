"""The pages about CIFAR-10, from the sweeps of `make figures DATASET=cifar10`.

`python experiments/cifar10/tables.py` prints README.md, `python experiments/cifar10/tables.py validation_size` prints
validation_size.md, and so on. Each is a text (README.page.md, validation_size.page.md) with places for numbers and tables,
filled with what is in the sweeps. A test compares the pages with what this command prints.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import across_sizes
import adjustment
import deployment
import members
import msdnet
import readme
import reliability
import validation
from words import fill

PAGES = {
    "README": readme.places,
    "validation_size": validation.places,
    "deployment": deployment.places,
    "across_sizes": across_sizes.places,
    "reliability": reliability.places,
    "adjustment": adjustment.places,
    "members": members.places,
    "msdnet": msdnet.places,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=list(PAGES), default="README")
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="the folder of sweeps")
    arguments = parser.parse_args()
    template = Path(__file__).with_name(f"{arguments.page}.page.md")
    sys.stdout.write(fill(template, PAGES[arguments.page](arguments.sweeps)))
