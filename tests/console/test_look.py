"""How the console looks at three widths, light and dark, what it weighs, and what its policy forbids."""

from pathlib import Path

import httpx2
import pytest

from seismic_server.routes.console import FOLDER, SAFE
from tests.console.browser import Page
from tests.server.conftest import PATIENCE, Server

MOST_BYTES = 60 << 10
VIEWS = {
    "landing": "",
    "search": "?collection=papers&query=cell^2.1+protein&filter=structured%09is%09false",
    "document": "?collection=papers&document=4983",
    "index": "?collection=papers&query=cell&view=index",
}

# WCAG 2.2: relative luminance, and contrast of every text with every colour behind it.
CONTRASTS = """
const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
const behind = (node) => {
  const colours = [];
  for (; node; node = node.parentElement) {
    const style = getComputedStyle(node);
    const painted = style.backgroundImage.match(/rgba?\\([^)]*\\)/g) ?? [];
    colours.push(...painted.map(rgb).filter((part) => (part[3] ?? 1) > 0).map((part) => part.slice(0, 3)));
    const own = rgb(style.backgroundColor);
    if ((own[3] ?? 1) > 0) return [...colours, own.slice(0, 3)];
  }
  return [...colours, [255, 255, 255]];
};
const poor = [];
for (const node of document.querySelectorAll("body *")) {
  const spoken = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  const speaks = spoken || node.matches("input, select");
  if (!speaks || !node.checkVisibility()) continue;
  const colour = rgb(getComputedStyle(node).color).slice(0, 3);
  const worst = Math.min(...behind(node).map((other) => ratio(colour, other)));
  if (worst < 4.5) poor.push([node.outerHTML.slice(0, 100), worst]);
}
return poor;
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_texts_have_contrast(page: Page, view: str, dark: bool) -> None:
    page.size(1280, dark)
    page.open(VIEWS[view])
    background = page.js("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert page.js(CONTRASTS) == []


@pytest.mark.parametrize("width", [360, 820, 1280])
@pytest.mark.parametrize("view", VIEWS)
def test_it_fits(page: Page, view: str, width: int) -> None:
    page.size(width)
    page.open(VIEWS[view])
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.js(overflow) <= 0
    for selector in ("#open-key", "#show-request") if view == "search" else ():
        page.click(selector)
        box = page.one("dialog[open]").rect
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.click("dialog[open] .close")


def test_filters_are_folded_on_a_phone(page: Page) -> None:
    page.size(360)
    page.open(VIEWS["search"])
    assert not page.one("#groups").is_displayed()
    page.click("#filters summary")
    assert page.one("#groups").is_displayed()
    assert page.text("#filters-title") == "Filters (1)"


def test_slow_answers_are_announced(page: Page) -> None:
    page.open("?collection=papers")
    page.js(
        "window.fetched = window.fetch;"
        "window.fetch = (...given) => new Promise((done) => { window.letGo = done; }).then(() => fetched(...given));"
    )
    page.type("cell")
    page.until(lambda: page.one("main").value_of_css_property("opacity") == "0.5")
    assert page.one("main").get_attribute("aria-busy") == "true"
    page.js("window.fetch = fetched; letGo()")
    page.search("protein")
    page.until(lambda: len(page.hits()) == 10)


def test_it_is_small() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert all(len(file.read_text(encoding="utf-8").splitlines()) < 350 for file in files)


def test_nothing_becomes_markup() -> None:
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")
    for file in FOLDER.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not [word for word in forbidden if word in text], file.name


@pytest.mark.parametrize(
    "path", ["/", "/console", *[f"/console/{file.name}" for file in sorted(Path(FOLDER).iterdir())]]
)
def test_files_have_a_strict_policy(service: Server, path: str) -> None:
    response = httpx2.get(service.url + path, timeout=PATIENCE)
    assert response.is_success
    assert {name: response.headers[name] for name in SAFE} == SAFE
    assert "unsafe" not in response.headers["Content-Security-Policy"]
