"""Every `wee` and `make` line on the pages, run or not: its keys and choices exist, and so do its targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.helpers.pages import COMMANDS, ELSEWHERE, MARKS, ROOT, blocks, pages
from wee.app.hydra_compat import composing
from wee.app.paths import conf_dir
from wee.app.typed import check_overrides, to_object
from wee.commands import find_command
from wee.commands.shorthand import as_overrides

RECORD = """
wee() { printf 'wee\\0' >> "$RECORD"; printf '%s\\0' "$@" >> "$RECORD"; printf '\\n\\0' >> "$RECORD"; }
make() { printf 'make\\0' >> "$RECORD"; printf '%s\\0' "$@" >> "$RECORD"; printf '\\n\\0' >> "$RECORD"; }
srun() { "$@"; }
python() { :; }
head() { :; }
grep() { :; }
pre-commit() { :; }
mlflow() { :; }
wandb() { :; }
"""
"""Functions of bash that write commands down in place of running them."""


def lines_of(page: str, folder: Path) -> list[list[str]]:
    """The commands of a page as bash reads them, with variables and continued lines put together."""
    texts = [block.text for block in blocks(page) if block.has_commands and block.mark != "skip"]
    record = folder / "record"
    record.touch()
    script = RECORD + "".join(texts)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "RECORD": str(record)},
        capture_output=True,
        check=False,
    )
    assert not done.stderr, done.stderr.decode()
    words = record.read_text(encoding="utf-8").split("\0")[:-1]
    lines: list[list[str]] = [[]]
    for word in words:
        if word == "\n":
            lines.append([])
        else:
            lines[-1].append(word)
    return lines[:-1]


@pytest.mark.parametrize("page", [page for page in pages() if page not in ELSEWHERE])
def test_keys_choices_and_targets_exist(page: str, tmp_path: Path) -> None:
    for line in lines_of(page, tmp_path):
        program, *words = line
        if program == "make":
            _check_targets(words)
        elif words and not words[0].startswith("-"):
            _check_command(words[0], words[1:])


def _check_targets(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for names in re.findall(r"^([\w ]+):(?!=)", makefile, re.MULTILINE) for name in names.split()}
    for word in words:
        key, equals, _ = word.partition("=")
        assert f"$({key})" in makefile or f"$(or $({key})" in makefile or word in targets, f"make has no {word}"
        assert bool(equals) != (word in targets), word


def _check_command(name: str, words: list[str]) -> None:
    command = find_command(name)
    command.register()
    overrides = as_overrides(name, [word for word in words if word not in ("-m", "--help", "--cfg", "job")])
    if any(word.startswith("--config-dir") for word in overrides) or any(
        ":" in word and "=" in word for word in overrides
    ):
        return  # the test that runs the page checks parts of one's own
    check_overrides(command.root, overrides, [conf_dir()], command.groups)
    parsed = OverridesParser.create().parse_overrides(overrides)
    first = [_first(override) for override in parsed if not str(override.key_or_group).startswith("hydra")]
    with composing(str(conf_dir())):
        config = compose(name, overrides=first)
    config = {key: value for key, value in config.items_ex(resolve=False) if key != "hydra"}
    to_object(command.root, config)


def _first(override: object) -> str:
    """An override as it was written, of several values for several jobs the first."""
    written = str(override.input_line)  # type: ignore[attr-defined]
    if not override.is_sweep_override():  # type: ignore[attr-defined]
        return written
    key, _, values = written.partition("=")
    return f"{key}={values.split(',')[0]}"


def test_every_block_says_what_it_is() -> None:
    unclear = [
        (block.page, block.line)
        for page in pages()
        for block in blocks(page)
        if not block.language
        or block.mark not in MARKS
        or (block.mark and not block.note.strip())
        or (block.mark == "compose" and block.language not in COMMANDS)
    ]
    assert unclear == []


def test_most_commands_are_run() -> None:
    commands = [block for page in pages() for block in blocks(page) if block.has_commands]
    assert sum(block.runs for block in commands) > len(commands) / 2
