"""The documentation site before it is built: every page is in the navigation, and every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import seismic
from docs.images.blocks import Blocks, K, visit
from docs.stage import HOST, pages, staged
from tests.reader import ROOT
from tests.test_docs import slug

PAGES = {page: source for page, source in pages().items() if source.suffix == ".md"}
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def settings() -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        """A loader that ignores what only the builders of the site can resolve."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)


def named(entry: Any) -> Iterator[str]:
    """Yield the pages that an entry of the navigation names."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from named(part)


def text(page: str) -> str:
    return _FENCE.sub("", staged(PAGES[page], page))


def test_the_navigation_names_every_page_once() -> None:
    assert sorted(named(settings()["nav"])) == sorted(PAGES)


def test_the_site_loads_nothing_from_elsewhere() -> None:
    found = settings()
    assert found["theme"]["font"] is False
    assert "repo_url" not in found  # its button asks the code host for stars
    assert not [one for one in found["extra_css"] + found.get("extra_javascript", []) if one not in pages()]
    assert not [page for page in PAGES if re.search(r"!\[[^]]*\]\([a-z]+:|<(img|script|iframe)", text(page))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_on_the_site(page: str) -> None:
    for link in _LINK.findall(text(page)):
        target, _, anchor = link.partition("#")
        if target.startswith(f"{HOST}/"):
            kind, _, path = target.removeprefix(f"{HOST}/").partition("/main/")
            assert (ROOT / path).is_dir() if kind == "tree" else (ROOT / path).is_file(), link
        elif "://" not in target:
            there = str(Path("/", page).parent.joinpath(target).resolve().relative_to("/")) if target else page
            assert there in pages(), link
            assert not anchor or anchor in map(slug, _HEADING.findall(text(there))), link


def test_links_are_those_of_the_site() -> None:
    assert "](architecture.md)" in text("internals.md")
    assert "](internals.md#values-on-disk)" in text("architecture.md")
    assert f"]({HOST}/tree/main/seismic/search)" in text("architecture.md")
    assert f"]({HOST}/blob/main/docs/benchmarks/rivals.py)" in text("benchmarks/rivals.md")
    assert "](../images/rivals.svg)" in text("benchmarks/rivals.md")
    assert not [page for page in pages() if "__pycache__" in page or page.endswith(".py")]


def test_the_reference_has_every_public_name() -> None:
    names = re.findall(r"^::: seismic\.(\w+)$", (ROOT / "docs/reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*names, "__version__"]) == sorted(seismic.__all__)


@pytest.mark.parametrize(
    "word",
    [
        *("authentication", "backup", "prometheus", "grafana", "kubernetes", "systemd", "nginx", "docker"),
        *("graceful shutdown", "snapshot", "filter", "hybrid", "rerank", "migrate", "tls", "rate limit", "metrics"),
    ],
)
def test_words_that_people_search_for_are_headings(word: str) -> None:
    """Code hosts and the search of the site find pages by what their headings say."""
    assert any(word in heading.lower() for page in PAGES for heading in _HEADING.findall(text(page))), word


def test_the_start_page_names_what_operators_need() -> None:
    shown = text("index.md").lower()
    wanted = {
        "authentication",
        "backup",
        "prometheus",
        "grafana",
        "kubernetes",
        "systemd",
        "nginx",
        "graceful shutdown",
    }
    assert not {word for word in wanted if word not in shown}


def test_the_search_in_the_pictures_misses_nothing() -> None:
    random = np.random.default_rng(7)
    values = [level * random.random((8, 3)) for level in np.geomspace(0.01, 1, 50)]
    blocks = Blocks(["a", "b", "c"], np.array([2.0, 1.0, 0.5]), [[0] * 8] * 50, values, [""])
    visited, thresholds = visit(blocks)
    assert K / 8 < len(visited) == len(thresholds) < 50
    assert thresholds == sorted(thresholds)
    kth = sorted(np.concatenate(blocks.scores), reverse=True)[K - 1]
    assert all(blocks.scores[block].max() < kth for block in set(range(50)) - set(visited))
