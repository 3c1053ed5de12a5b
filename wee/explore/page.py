"""Writing a page: one file with its data, its style, its code and the library that draws."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from wee.errors import WeeError
from wee.explore.style import COLOURS, DASHES, RAMP, SHAPES

SCRIPTS = ("table.js", "points.js", "chart.js", "details.js", "app.js")
"""The code of the page, in the order in which it runs."""


@dataclass(frozen=True)
class Library:
    """The code that draws: Vega, with the function `vegaEmbed` that makes a view of a specification.

    Attributes:
        version: The version of Vega.
        code: A script that sets `window.vegaEmbed`, and needs nothing else.
    """

    version: str
    code: str

    @classmethod
    def load(cls) -> Library:
        """Return the library that vl-convert-python carries.

        Raises:
            WeeError: vl-convert-python is not installed.
        """
        try:
            import vl_convert
        except ImportError:
            raise WeeError(
                "the page is drawn by Vega, whose code comes with vl-convert-python, and that is not installed: "
                "pip install 'wee[explore]'"
            ) from None
        code = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        # The functions of the bundle have short names, which must not become those of the page.
        return cls(vl_convert.get_vega_version(), f"(function () {{\n{code}\n}})();")


def page(title: str, data: Mapping[str, Any], library: Library) -> str:
    """Return a page as HTML. The same data always give the same page, and it loads nothing.

    Args:
        title: The title of the page.
        data: What it shows, as returned by `wee.explore.data.page_data`.
        library: The code that draws.
    """
    style = {"colours": COLOURS, "ramp": RAMP, "shapes": list(SHAPES.values()), "dashes": DASHES}
    versions = {"wee": version("wee"), "vega": library.version}
    content = {"title": title, **versions, **data, "style": style, "chart": json.loads(_asset("chart.json"))}
    scripts = [library.code, *map(_asset, SCRIPTS)]
    parts = {
        "TITLE": html.escape(title),
        "STYLE": _asset("page.css"),
        "DATA": _embedded(json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False)),
        "SCRIPTS": "\n".join(f"<script>\n{_embedded_script(script)}\n</script>" for script in scripts),
    }
    before, *rest = _asset("page.html").split("{{")
    filled = [before]
    for piece in rest:
        name, _, after = piece.partition("}}")
        filled += [parts[name.strip()], after]
    return "".join(filled)


def _asset(name: str) -> str:
    return (files("wee.explore") / "assets" / name).read_text(encoding="utf-8")


def _embedded(text: str) -> str:
    """Return JSON text that ends no element of the page in which it stands."""
    return text.replace("<", "\\u003c")


def _embedded_script(text: str) -> str:
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
