"""`wee explore`: write the tables of one or several sweeps to a page that opens in a browser, without a network."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from wee.app.command import Command, job_suffix
from wee.app.failures import report
from wee.app.fields import Checked, as_list, check_name, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.errors import WeeError
from wee.units import counted, in_bytes

log = logging.getLogger("wee")

LONGEST = 100
"""The largest number of characters of the default name of a page; a file's name may have 255 bytes."""


@dataclass
class ExploreConfig(Common):
    """The config of `wee explore`.

    Attributes:
        sweeps: The sweeps that the page shows: "newest", or a name, folder, file or pattern, or a list of these.
        name: The name of the page and of its file; empty for the names of the sweeps.
    """

    sweeps: Checked[str | list[str]] = written("newest")
    name: str = ""

    def __post_init__(self) -> None:
        if self.name:
            check_name("name", self.name)
        if not as_list(self.sweeps):
            raise WeeError("sweeps is empty: name a sweep, or give newest")


def explore(cfg: ExploreConfig) -> None:
    """Write the page. A page of the same name is replaced; everything in it comes from the tables of the sweeps."""
    from wee.explore.page import Library, page
    from wee.files import write_atomically
    from wee.sweep.results import find_sweeps

    found = find_sweeps(Path(cfg.paths.sweeps), [str(sweep) for sweep in as_list(cfg.sweeps)])
    paths = list(dict.fromkeys(found))  # a sweep that is named twice is shown once
    library = Library.load()  # fails early where its package is missing
    from wee.explore.data import page_data, read_sweeps  # imports pandas

    log.info(f"from {', '.join(map(str, paths))}")
    sweeps = read_sweeps(paths)
    names = "+".join(sweep.name.replace("/", "-") for sweep in sweeps)
    name = cfg.name or (names if len(names) <= LONGEST else f"{sweeps[0].name.replace('/', '-')}+{len(sweeps) - 1}")
    folder = Path(cfg.paths.outputs, "explore")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{job_suffix()}.html"
    content = page(name, page_data(sweeps), library)
    write_atomically(file, content)
    rows = sum(len(sweep.table) for sweep in sweeps)
    size = in_bytes(len(content.encode()))
    log.info(f"{file}: {counted(rows, 'row')} on one page of {size}, which opens in any browser, without a network")
    report(file=str(file), sweeps=[str(path) for path in paths], rows=rows)


COMMAND = Command("explore", ExploreConfig, explore, modules())

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("explore").main()
