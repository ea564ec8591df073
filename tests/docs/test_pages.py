"""README and docs: short where it matters, without a dead link, built without a warning, figures from their tables."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import LINK, PAGES, SPAN, name
from support import ROOT, SCHEMAS, environment

from mnist_etc.overrides import keys

README = (ROOT / "README.md").read_text()


def test_the_readme_is_a_page() -> None:
    assert len(README.encode()) <= 8000


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        place = link.partition("#")[0]
        if place and "://" not in place:
            assert (page.parent / place).exists(), link


def test_the_map_names_what_is_there() -> None:
    places = re.search(r"(?s)## Where things are\n(.*?)\n## ", README)
    assert places
    named = [word for row in places[1].splitlines() for word in SPAN.findall(row.split("|")[1] if "|" in row else "")]
    assert len(named) > 12
    assert [place for place in named if not (ROOT / place).exists()] == ["conf/"] * (not (ROOT / "conf").exists())


def test_figures_of_the_readme_stand_in_their_tables() -> None:
    table = re.search(r"(?s)## Five figures\n(.*?)\n## ", README)
    assert table
    rows = [row.split("|")[1:4] for row in table[1].splitlines() if "benchmarks/results" in row]
    assert len(rows) == 5
    for what, reached, _ in rows:
        figure = reached.strip().removesuffix(" %").removesuffix(" s")
        assert figure in (ROOT / LINK.findall(what)[0]).read_text(), what


def test_every_table_of_results_is_shown() -> None:
    shown = set(re.findall(r"\{include\} \.\./benchmarks/results/(\w+)\.md", (ROOT / "docs/figures.md").read_text()))
    results = list((ROOT / "benchmarks/results").glob("*.md"))
    assert shown == {path.stem for path in results}
    for path in results:
        assert "`python " in path.read_text() or "``python " in path.read_text(), f"{path} names no command"
        assert "to reach" not in path.read_text().lower()


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    """By the command of ``make docs``, from a copy of the tree: what is generated and built stays out of it.

    Without the members of each module in the tables of contents, which take half the time.
    """
    for folder in ("mnist_etc", "train_", "conf", "docs", "benchmarks/results"):
        ignored = shutil.ignore_patterns("__pycache__", "generated", "_build")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    (tmp_path / "tests").mkdir()
    for file in ("imports.py", "support.py"):  # the order of the rooms stands there
        shutil.copy(ROOT / "tests" / file, tmp_path / "tests")
    recipe = re.search(r"(?m)^docs:.*\n\t@\.venv/bin/python (.*)$", (ROOT / "Makefile").read_text())
    assert recipe
    done = subprocess.run(
        [sys.executable, *shlex.split(recipe[1]), "-D", "toc_object_entries=0"],
        cwd=tmp_path,
        env=environment({"PYTHONPATH": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = {path.relative_to(tmp_path / "docs/_build").with_suffix("") for path in tmp_path.rglob("_build/**/*.html")}
    assert {
        Path(page).relative_to("docs").with_suffix("") for page in map(name, PAGES) if page.startswith("docs/")
    } <= pages
    for command, schema in SCHEMAS.items():
        table = (tmp_path / f"docs/generated/keys/{command}.md").read_text()
        assert re.findall(r"(?m)^\| `([\w.]+)` \|", table) != []
        assert set(re.findall(r"(?m)^\| `([\w.]+)` \|", table)) == set(keys(schema)), command
    assert (
        "mnist_etc.errors.ConfigError"
        in (tmp_path / "docs/_build/generated/reference/mnist_etc.errors.html").read_text()
    )
