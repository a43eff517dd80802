"""Sphinx's settings of the site. `python -m infra.docs build` gives it a source and a place for the pages."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "ToCoAD"
author = "the authors of ToCoAD"
copyright = author
extensions = ["myst_parser", "sphinx_copybutton", "infra.docs.flowchart_drawing"]

# Links lead to headings as GitHub names them.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
# What is indented are commands and formulas, what is fenced says its language.
highlight_language = "text"
copybutton_selector = "div.highlight-text:not(.fenced) pre"

html_theme = "furo"
html_title = "ToCoAD"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"sidebar_hide_name": False}
# The pages are looked at from a disk: nothing on them asks a network, and what they were made of is in the repository.
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """Tables of ours that Pygments has no lexer for."""
    app.add_lexer("csv", TextLexer)
