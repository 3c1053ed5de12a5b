"""The pages about CIFAR-10 are what their command prints, from the sweeps that the Makefile runs on the committed logits."""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.command_line import Wee

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "experiments" / "cifar10"
SWEEPS = ("sc", "scod", "ood", "validation_size", "certified", "across_sizes", "adjustment")
TWICE = ("validation_size", "certified", "adjustment")
"""Those that are two runs: of two and four members, of several splits, and of two tasks."""


def makefile_sweeps() -> list[list[str]]:
    """The arguments of every sweep behind the pages, as `make figures DATASET=cifar10` runs them."""
    command = ["make", "--dry-run", *SWEEPS, "DATASET=cifar10"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line)[1:] for line in printed.splitlines() if " sweep " in line]


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """The folder of the sweeps behind the pages."""
    if find_spec("numba") is None:
        pytest.skip("without numba, the bootstrap behind the pages takes minutes")
    if shutil.which("make") is None:
        pytest.skip("the sweeps behind the pages are read off the Makefile, and there is no make")
    folder = tmp_path_factory.mktemp("cifar10")
    store = (PAGES / "store").relative_to(ROOT)  # where the Makefile's arguments say that it is
    shutil.copytree(ROOT / store, folder / store, ignore=shutil.ignore_patterns(".scores"))
    arguments = makefile_sweeps()
    experiments = [next(text for text in sweep if text.startswith("+experiment=")) for sweep in arguments]
    twice = [name for name in SWEEPS for _ in range(1 + (name in TWICE))]
    assert experiments == [f"+experiment={name}" for name in twice]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda sweep: wee(*sweep, cwd=folder), arguments))
    for script in ("members.py", "reliability.py"):
        command = [sys.executable, str(PAGES / script), "--store", str(folder / store)]
        subprocess.run(command, cwd=folder, check=True)
    return folder / "outputs" / "sweeps"


@pytest.mark.parametrize(
    "page", ["README", "validation_size", "deployment", "across_sizes", "members", "reliability", "adjustment"]
)
def test_a_page_is_what_its_command_prints(page: str, sweeps: Path) -> None:
    command = [sys.executable, str(PAGES / "tables.py"), page, "--sweeps", str(sweeps)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    committed = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    lines = [text.splitlines(keepends=True) for text in (committed, done.stdout)]
    difference = "".join(difflib.unified_diff(*lines, f"{page}.md", f"tables.py {page}", n=0))
    assert committed == done.stdout, f"{page}.md is not what its command prints:\n{difference}"


def test_the_readme_quotes_the_page() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    paragraph = readme[readme.index("CIFAR-10, five sizes") : readme.index("[experiments/cifar10]")]
    page = (PAGES / "README.md").read_text(encoding="utf-8")
    quoted = re.findall(r"\d[\d.]* to \d[\d.]*", paragraph)
    assert len(quoted) == 3
    assert [numbers for numbers in quoted if numbers not in page] == []


def test_the_logits_are_small_enough_to_live_in_a_repository() -> None:
    files = [path for path in (PAGES / "store").rglob("*") if path.is_file() and ".scores" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 45_000_000
    for manifest in (path for path in files if path.suffix == ".json"):
        assert "/tmp" not in manifest.read_text()


def test_live_cascades_decide_as_the_stored_logits_say() -> None:
    """A part of what `live.py` compares; the page has the numbers for all images."""
    images = ROOT / "data" / "cifar10" / "test"
    if not images.is_dir():
        pytest.skip(f"the test images of CIFAR-10 are not in {images.relative_to(ROOT)}")
    command = [sys.executable, str(PAGES / "live.py"), "--images", str(images), "--count", "60", "--batch-size", "30"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("in all: ")
