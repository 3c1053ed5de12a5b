"""Formulas as MathML, which browsers draw themselves: the site needs no script and no network for them."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

_FUNCTION = re.compile(r"<mi>(exp|ln|log)</mi>")  # drawn without spaces, as if they were variables


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer, which `html_math_renderer` chooses."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(latex: str, block: bool = False) -> str:
    r"""Return a formula as an element `math`.

    Args:
        latex: the formula in LaTeX, without dollar signs.
        block: whether it stands on a line of its own.

    Raises:
        ExtensionError: it has a command that is not known.

    Example:
        >>> mathml(r"\tau")
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>&#x003C4;</mi></mrow></math>'
    """
    element = convert(latex, display="block" if block else "inline")
    if "\\" in element:  # commands that are not known are left as they are
        raise ExtensionError(f"a formula has a command that latex2mathml does not know: {latex}")
    return _FUNCTION.sub(r'<mo form="prefix" lspace="0.17em" rspace="0.17em">\1</mo>', element)


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    if node.get("number"):
        raise ExtensionError(f"numbers of formulas are not drawn: {node.astext()}")
    start = translator.starttag(node, "div", CLASS="math")
    translator.body.append(f"{start}{mathml(node.astext(), block=True)}</div>\n")
    raise nodes.SkipNode
