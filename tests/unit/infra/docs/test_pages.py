"""The source of the site: pages in their places, links that lead to the same as in the repository, an order."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.docs.pages import PageError, write_source


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    files = {
        "README.md": "# Ours\n",
        "CONTRIBUTING.md": "# Contributing\n",
        "CHANGELOG.md": "# Changelog\n",
        "settings.yaml": "size: 3\n",
        "docs/index.md": "# Ours\n\n## Guides\n\n- [The data](guide/data.md): in\n- [Change](../CONTRIBUTING.md)\n",
        "docs/guide/data.md": (
            "# The data\n\n[home](../../README.md) [words](../words/README.md#a) [folder](../words) "
            "[settings](../../settings.yaml) ![picture](../images/a.png) [away](https://example.org)\n\n"
            "```text\n[not a link](nowhere.md)\n```\n"
        ),
        "docs/images/a.png": "a",
        "docs/words/README.md": "# Words\n",
        "docs/words/first.md": "# First\n",
        "docs/words/second.md": "# Second\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_links_lead_to_the_same_on_the_site(repository: Path, tmp_path: Path) -> None:
    write_source(repository, tmp_path / "source")
    page = (tmp_path / "source/guide/data.md").read_text()
    assert (
        "[home](../index.md) [words](../words/README.md#a) [folder](../words/README.md) "
        "[settings](../files/settings.yaml.md) ![picture](../images/a.png) [away](https://example.org)"
    ) in page
    assert "[not a link](nowhere.md)" in page
    assert "````yaml\nsize: 3\n````" in (tmp_path / "source/files/settings.yaml.md").read_text()
    assert (tmp_path / "source/images/a.png").read_text() == "a"


def test_lists_of_the_first_page_are_the_order_of_the_site(repository: Path, tmp_path: Path) -> None:
    write_source(repository, tmp_path / "source")
    tree = "```{toctree}\n:hidden:\n:caption: Guides\n\nguide/data\ncontributing\n```"
    assert tree in (tmp_path / "source/index.md").read_text()


def test_a_folder_leads_to_all_of_its_pages(repository: Path, tmp_path: Path) -> None:
    write_source(repository, tmp_path / "source")
    tree = "```{toctree}\n:maxdepth: 1\n\nfirst\nsecond\n```"
    assert tree in (tmp_path / "source/words/README.md").read_text()


@pytest.mark.parametrize("target", ["gone.md", "../images"])
def test_a_link_that_leads_nowhere_is_refused_with_its_page(repository: Path, tmp_path: Path, target: str) -> None:
    (repository / "docs/guide/data.md").write_text(f"[there]({target})\n")
    with pytest.raises(PageError, match=rf"docs/guide/data\.md links to {target}"):
        write_source(repository, tmp_path / "source")
