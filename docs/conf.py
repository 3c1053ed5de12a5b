"""The documentation's build: `make docs`.

The source folder is the repository, so that pages link to each other, to figures and to source files by the same relative
paths here and on a code host. `include_patterns` says which files are pages.
"""

import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_site")]

project = "wee"
author = "the authors of wee"
version = release = installed("wee")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",
    "mathml",
    "notebooks",
    "front_page",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/notebooks/*.ipynb",
    "experiments/README.md",
    "experiments/*/*.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
]
exclude_patterns = [
    ".*",
    "**/.ipynb_checkpoints",
    "outputs",
    "data",
    "build",
    "dist",
    "tests",
    "wee",
    "hydra_plugins",
    "conf",
    "benchmarks",
    "examples",
    "experiments/*.page.md",
    "experiments/**/*.page.md",
    "experiments/**/store",
    "experiments/**/checkpoints",
]

myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

default_role = "code"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 100
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False
python_use_unqualified_type_names = True

# What stays on a reader's clipboard are commands and code, without prompts.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_math_renderer = "mathml"  # needs no network, unlike MathJax
html_theme = "furo"
html_static_path = ["_site/static"]
html_css_files = ["mathml.css"]
html_title = f"wee {release}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
