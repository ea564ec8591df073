"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

from mnist_etc.backend import load_tensorflow  # noqa: E402

load_tensorflow()  # quietly, before a module of the reference does it

project = "mnist_etc"
author = "mnist_etc developers"
project_copyright = f"2026, {author}"
release = importlib.metadata.version("mnist-etc")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "keys", "reference", "rooms"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]  # an included page of figures begins where the page around it stands

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_mock_imports = ["triton_python_backend_utils"]
"""What Triton alone brings along."""
default_role = "py:obj"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "mnist_etc"
html_show_sphinx = False
