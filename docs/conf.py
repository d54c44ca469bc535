"""The site, built by ``make docs``: Markdown pages, filled from the code while they are read."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from qsmbids import __version__  # noqa: E402

project = "qsmbids"
author = "The qsmbids developers"
copyright = "the qsmbids developers, Apache License 2.0"  # noqa: A001
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.tools.fill",
    "docs.tools.mathml",
]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
exclude_patterns = ["_build", "tools"]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4
default_role = "code"
smartquotes = False  # two dashes are an option
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # the docstrings say types and units
autodoc_member_order = "bysource"
suppress_warnings = ["ref.python"]  # words such as mask, which are attributes of several classes

html_theme = "furo"
html_title = f"qsmbids {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
