"""Write the parts of the reference that the code knows: commands, keys, catalogues and the Python API.

A page has a line `<!-- generated: KIND NAME -->`, and the text takes its place when the page is read. Nothing of it is
written by hand twice: texts of keys are docstrings of configs, and texts of choices come from catalogues and config files.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.directives import ObjectDescription
from sphinx.pycode import ModuleAnalyzer

from wee.app.command import Command
from wee.app.help import group_choices
from wee.app.keys import ConfigKey, config_keys, default_choices, schema_keys
from wee.app.paths import conf_dir
from wee.cascade.formats import EXPORT_FORMATS
from wee.commands import COMMANDS, find_command
from wee.commands.shorthand import ACTIONS
from wee.commands.store import EXAMPLES
from wee.costs import COSTS
from wee.data.kinds import DATA_KINDS
from wee.doctor.checks import CHECKS
from wee.figures.kinds import FIGURE_KINDS
from wee.method import METRICS, POLICIES, SCORES
from wee.method.metrics import TASKS, TaskKind
from wee.models.config import ScaleConfig

PLACE = re.compile(r"^<!-- generated: (?P<kind>\w+) ?(?P<name>\S*) -->$", re.MULTILINE)
"""A place for generated text on a page."""

NOTE = re.compile(r"^\*The lists? .* made when the site is built .*\*\n\n", re.MULTILINE)
"""What tells readers of the source that generated text is missing, and which command prints it; the site leaves it out."""


_TEMPLATE = re.compile(r"\]\(([\w/]+\.page\.md)\)")
"""A link to the template of a page of numbers, which is a file and no page."""


def fill(page: str) -> str:
    """Return a page with generated text in every place for it, and without the note for readers of the source.

    Raises:
        KeyError: a place asks for something that is not generated.
    """
    return PLACE.sub(lambda place: _WRITERS[place["kind"]](place["name"]), NOTE.sub("", page))


def command_text(name: str) -> str:
    """Return the reference of a command: its choices, the values of some keys, and every key."""
    command = find_command(name)
    command.register()
    keys = config_keys(name, command.root)
    chosen = default_choices(name)
    parts = [
        *_choices(command, chosen, keys),
        *_values(command),
        "## Keys",
        _KEYS_INTRODUCTION,
        *(_key(name, key, chosen) for key in keys),
    ]
    return "\n\n".join(parts)


_CATALOGUES = "/docs/reference/catalogues.md"

_KEYS_INTRODUCTION = (
    "A key is set with `key=value`. In brackets: the type of the value, and the value that holds if nothing is set. "
    "A key that is a config group takes a choice, `group=choice`, and the keys below it are set one by one, `group.key=value`."
)


def _choices(command: Command[Any], chosen: Mapping[str, str], keys: Iterable[ConfigKey]) -> list[str]:
    """The config groups of a command, a table of choices for each."""
    groups = [group for group in chosen if group != "paths"]
    if command.name == "sweep":
        groups.append("+experiment")
    if not groups:
        return []
    names = {key.name for key in keys}
    parts = ["## Config groups", "A choice is swapped with `group=choice`. An asterisk marks the default."]
    for group in groups:
        about = group_choices(group, [conf_dir()], command.groups.get(group))
        default = yaml.safe_load(chosen.get(group, ""))
        defaults = [str(item) for item in (default if isinstance(default, list) else [default])]
        defaults = [item.replace("${dataset}", chosen.get("dataset", "")) for item in defaults]
        assert group.lstrip("+") in names or group in ("+experiment", "logger"), group
        rows = [(f"`{choice}`{' *' if choice in defaults else ''}", _plain(text)) for choice, text in about.items()]
        parts += [f"### `{group}`", _table(("choice", "what"), rows)]
    return parts


def _values(command: Command[Any]) -> list[str]:
    """The values of keys that a command's help explains."""
    if not command.values:
        return []
    parts = ["## Values of some keys"]
    for key, lines in command.values.items():
        rows = [(f"`{value}`", _plain(text)) for value, text in lines.items()]
        own = "one of your own, in a module on the `PYTHONPATH`: [Parts of your own](/docs/plugins.md)"
        rows.append(("`module:Name`", own))
        parts += [f"### `{key}`", _table(("value", "what"), rows)]
    return parts


def _key(command: str, key: ConfigKey, chosen: Mapping[str, str]) -> str:
    """The entry of a key."""
    about = [f":command: {command}"]
    if key.type:
        about.append(f":type: {key.type}")
    if key.name in chosen and key.name != "paths":
        about = [*about[:1], ":type: config group", f":default: {chosen[key.name]}"]
    elif not key.section:
        about.append(f":default: {_value(key.default)}")
    text = _sentence(key.text)
    if key.name in ("dataset", "ood", "shift"):
        text += f" The keys below it depend on the kind of data set: [Kinds of data sets]({_CATALOGUES}#kinds-of-data-sets)."
    if key.name == "family.scales":
        text += f" The keys of a scale: [Scales]({_CATALOGUES}#scales-of-a-family)."
    return "\n".join([f"```{{configkey}} {key.name}", *about, "", text, "```"])


def _value(value: Any) -> str:
    """A value as it would be written in YAML; "required" for a missing one."""
    if value == "???":
        return "required"
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).strip()
    return text.removesuffix("\n...").strip() or "''"


def _sentence(text: str) -> str:
    """A text that starts with a capital letter and ends with a full stop."""
    text = _plain(text[:1].upper() + text[1:])
    return text if text.endswith((".", "?")) else f"{text}."


def _plain(text: str) -> str:
    """A text in which, outside of code, an asterisk or an angle bracket is no Markdown."""
    parts = text.split("`")
    return "`".join(part if number % 2 else re.sub(r"([*<>])", r"\\\1", part) for number, part in enumerate(parts))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _schema(schema: type, prefix: str, skip: Iterable[str] = ()) -> str:
    """The keys of a part of a config as a table."""
    left_out = set(skip)
    rows = [
        (
            f"`{key.name}`",
            f"`{key.type}`" if key.type else "",
            "" if key.section else f"`{_value(key.default)}`",
            _sentence(key.text),
        )
        for key in schema_keys(schema, prefix)
        if key.name.rpartition(".")[2] not in left_out or key.name.count(".") > 1
    ]
    return _table(("key", "type", "default", "what"), rows)


def commands_text(_: str) -> str:
    """Return a table of all commands, with links to their pages."""
    return _table(
        ("command", "what it does"),
        [(f"[`wee {name}`](/docs/reference/{name}.md)", text) for name, text in COMMANDS.items()],
    )


def scores_text(_: str) -> str:
    """Return the table of scores."""
    rows = [
        (f"`{s.name}`", _sentence(s.help), "ranks ensembles only" if s.several else "decides and ranks")
        for s in SCORES.values()
    ]
    return _table(("score", "definition", "use"), rows)


def policies_text(_: str) -> str:
    """Return the table of policies."""
    rows = [
        (f"`{p.name}`", p.label, _sentence(p.help), ", ".join(f"`{name}`" for name in p.parameters()) or "none")
        for p in POLICIES.values()
    ]
    return _table(("policy", "label on figures", "who goes on", "parameters"), rows)


def tasks_text(_: str) -> str:
    """Return the table of kinds of tasks, and the tasks that are choices of the config group."""
    rows = [
        (f"`{kind.form}`", _sentence(kind.help), _better(kind))
        for kind in METRICS.values()
        if isinstance(kind, TaskKind)
    ]
    names = ", ".join(f"`{name}`" for name in TASKS)
    index = "\n\n".join(f"```{{index}} single: {name}; task\n```" for name in TASKS)
    table = _table(("task", "what", "better"), rows)
    return f"{index}\n\n{table}\n\nChoices of the config group `task`, with any other parameter too: {names}."


def metrics_text(_: str) -> str:
    """Return the table of metrics that are not tasks."""
    rows = [
        (f"`{kind.form}`", _sentence(kind.help), "per cent" if kind.percent else "1", _better(kind))
        for kind in METRICS.values()
        if not isinstance(kind, TaskKind)
    ]
    return _table(("metric", "what", "unit", "better"), rows)


def _better(kind: Any) -> str:
    return "high" if kind.higher_is_better else "low"


def costs_text(_: str) -> str:
    """Return the table of costs."""
    return _table(
        ("cost", "label", "unit", "what"),
        [(f"`{c.name}`", c.label, c.unit or "1", _sentence(c.help)) for c in COSTS.values()],
    )


def data_kinds_text(_: str) -> str:
    """Return the kinds of data sets with their keys."""
    parts = []
    for kind in DATA_KINDS.values():
        roles = ", ".join(f"`{role}`" for role in kind.roles)
        parts += [
            f"### `{kind.name}`: {kind.label}",
            f"{_sentence(kind.help)} A choice of {roles}.",
            _schema(kind.config, "", ("kind",)),
        ]
    return "\n\n".join(parts)


def scales_text(_: str) -> str:
    """Return the keys of a scale of a family."""
    return _schema(ScaleConfig, "family.scales.NAME")


def figure_kinds_text(_: str) -> str:
    """Return the kinds of figures: what each reads, and the keys that only it uses."""
    rows = []
    for kind in FIGURE_KINDS.values():
        keys = [*kind.fields, *(f"{name} (a list)" for name in kind.lists)]
        rows.append((f"`{kind.name}`", _sentence(kind.help), ", ".join(kind.reads), ", ".join(keys) or "none"))
    about = group_choices("figure", [conf_dir()])
    figures = _table(("figure", "what"), [(f"`{name}`", _plain(text)) for name, text in about.items()])
    head = ("kind", "what", "tables that it reads", "keys of its own")
    return f"{_table(head, rows)}\n\nConfigs of figures (`figure=NAME`), each of one of these kinds:\n\n{figures}"


def groups_text(group: str) -> str:
    """Return the choices of a config group that consists of files."""
    return _table(
        ("choice", "what"), [(f"`{name}`", _plain(text)) for name, text in group_choices(group, [conf_dir()]).items()]
    )


def formats_text(_: str) -> str:
    """Return the export formats."""
    return _table(("format", "what"), [(f"`{form.name}`", _sentence(form.help)) for form in EXPORT_FORMATS.values()])


def actions_text(_: str) -> str:
    """Return the actions of `wee store`, with examples."""
    parts = []
    for action, text in ACTIONS.items():
        examples = [(f"`{line}`", about) for line, about in EXAMPLES[action].items()]
        parts += [f"### `wee store {action}`", _sentence(text), _table(("command", "what it does"), examples)]
    return "\n\n".join(parts)


def checks_text(_: str) -> str:
    """Return the checks of `wee doctor`."""
    return _table(("check", "looks at"), [(f"`{check.name}`", _sentence(check.help)) for check in CHECKS])


def api_text(module_name: str) -> str:
    """Return the documentation of the public names of a module, in the order of `__all__`, functions first."""
    module = __import__(module_name, fromlist=["__all__"])
    names = [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]
    parts = [] if names else [inspect.getdoc(module) or ""]
    for name in names:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            kind = "autoclass" if inspect.isclass(thing) else "autofunction"
            text = f".. {kind}:: {module_name}.{name}"
        else:
            text = _constant(module_name, name, thing)
        parts.append(f"```{{eval-rst}}\n{text}\n```")
    return "\n\n".join(parts)


def _constant(module_name: str, name: str, value: Any) -> str:
    """The description of a constant: its value, if it is plain, and the docstring below it where it is defined."""
    lines = [f".. py:data:: {module_name}.{name}"]
    if isinstance(value, (int, str, tuple)):
        lines.append(f"   :value: {value!r}")
    defining = [module for module in sys.modules if module.startswith(f"{module_name}.")]
    texts = (ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name)) for module in sorted(defining))
    return "\n".join([*lines, "", *(f"   {line}" for line in next(filter(None, texts), []))])


_SEVERAL = re.compile(r"( {4})(\w+(?:, \w+)+): (.*)")
"""The first line of a text that is written for several arguments or attributes: "    mean, std: .."."""


def split_shared_texts(lines: list[str]) -> list[str]:
    """Return a docstring in which a text that is written for several names stands once for each of them.

    Example:
        >>> split_shared_texts(["Args:", "    low, high: the ends,", "        both included."])
        ['Args:', '    low: the ends,', '        both included.', '    high: the ends,', '        both included.']
    """
    result: list[str] = []
    place = 0
    while place < len(lines):
        match = _SEVERAL.fullmatch(lines[place])
        end = place + 1
        while match and end < len(lines) and lines[end].startswith(" " * 8):
            end += 1
        if match:
            for name in match[2].split(", "):
                result += [f"{match[1]}{name}: {match[3]}", *lines[place + 1 : end]]
        else:
            result.append(lines[place])
        place = end
    return result


_WRITERS: dict[str, Callable[[str], str]] = {
    "command": command_text,
    "commands": commands_text,
    "scores": scores_text,
    "policies": policies_text,
    "tasks": tasks_text,
    "metrics": metrics_text,
    "costs": costs_text,
    "data_kinds": data_kinds_text,
    "scales": scales_text,
    "figure_kinds": figure_kinds_text,
    "group": groups_text,
    "formats": formats_text,
    "actions": actions_text,
    "checks": checks_text,
    "api": api_text,
}


class KeyDirective(ObjectDescription[str]):
    """The description of a config key, with an entry in the index and an anchor that names the command."""

    option_spec: ClassVar = {
        "command": directives.unchanged_required,
        "type": directives.unchanged,
        "default": directives.unchanged,
    }

    def handle_signature(self, sig: str, signode: addnodes.desc_signature) -> str:
        """Write the line of a key: its name, the type and the default."""
        signode += addnodes.desc_name(sig, sig)
        about = [self.options[name] for name in ("type", "default") if self.options.get(name)]
        if about:
            signode += addnodes.desc_annotation("", f" ({'; '.join(about)})")
        return sig

    def add_target_and_index(self, name: str, sig: str, signode: addnodes.desc_signature) -> None:
        """Add the anchor and the entry in the index."""
        command = self.options["command"]
        anchor = nodes.make_id(f"{command}-{name}")
        signode["ids"].append(anchor)
        self.state.document.note_explicit_target(signode)
        self.indexnode["entries"].append(("single", f"{name}; wee {command}", anchor, "", None))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("configkey", KeyDirective)
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _split, priority=100)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = _TEMPLATE.sub(r"](path:\1)", fill(source[0]))


def _split(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = split_shared_texts(lines)
