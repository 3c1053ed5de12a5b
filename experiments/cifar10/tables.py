"""The pages about CIFAR-10, from the sweeps of `make figures DATASET=cifar10`.

`python experiments/cifar10/tables.py` prints README.md, `python experiments/cifar10/tables.py validation_size` prints
validation_size.md, and so on. Each is a text (README.page.md, validation_size.page.md) with places for numbers and tables,
filled with what is in the sweeps. With `--into FILE`, the pages are written into files. A test compares the pages with what
this command prints.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
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

from wee.sweep.workers import START

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


def filled(page: str, sweeps: Path) -> str:
    """Return a page with every place filled.

    Args:
        page: the name of the page.
        sweeps: the folder of sweeps.
    """
    return fill(Path(__file__).with_name(f"{page}.page.md"), PAGES[page](sweeps))


def main() -> None:
    """Print a page, or write several into a folder, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", choices=list(PAGES), default="README")
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="the folder of sweeps")
    parser.add_argument("--into", metavar="FILE", help="write each page into a file, with {page} for its name")
    arguments = parser.parse_args()
    pages = [arguments.pages] if isinstance(arguments.pages, str) else arguments.pages
    if arguments.into is None:
        for page in pages:
            sys.stdout.write(filled(page, arguments.sweeps))
        return
    Path(arguments.into).parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, get_context(START)) as pool:
        for page, text in zip(pages, pool.map(partial(filled, sweeps=arguments.sweeps), pages), strict=True):
            Path(arguments.into.format(page=page)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
