"""Everything works by keyboard, and says what it is."""

from selenium.webdriver.common.keys import Keys

from tests.console.browser import Page


def test_a_walk_by_keyboard(page: Page) -> None:
    page.open("?collection=papers")
    page.press(Keys.TAB)
    assert page.focused() == "Skip to the content"
    assert page.one(".skip").rect["x"] >= 0
    page.press(Keys.ENTER)
    assert page.focused() == "main"
    page.press("/")
    assert page.focused() == "query"
    page.press("cell")
    first, second = page.titles()[:2]
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == first[:60]
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == second[:60]
    page.press(Keys.ARROW_UP)
    page.press(Keys.ARROW_UP)
    assert page.focused() == "query"
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ESCAPE)
    assert page.focused() == "query"
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    assert page.text("#document-view h1") == first
    assert page.js("return document.activeElement.tagName") == "H1"
    page.driver.back()
    page.settle()
    assert page.titles()[0] == first


def test_a_slash_is_a_character_in_fields(page: Page) -> None:
    page.open("?collection=papers")
    page.type("a/b")
    assert page.one("#query").get_attribute("value") == "a/b"


def test_escape_closes_dialogs(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    page.click("#show-request")
    assert page.one("#request").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.one("#request").is_displayed()
    assert page.focused() == "show-request"


def test_focus_is_visible(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    outline = "const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);"
    for _ in range(30):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        assert page.js(f"{outline} return `${{outlineWidth}} ${{outlineStyle}}`") == "2px solid", page.focused()


def test_every_control_has_a_name(page: Page) -> None:
    for address in (
        "",
        "?collection=papers&query=cell",
        "?collection=papers&document=4983",
        "?collection=papers&view=index",
    ):
        page.open(address)
        nameless = page.js(
            "return [...document.querySelectorAll('a, input, select, button, summary')]"
            ".filter(node => node.offsetParent && !(node.labels?.length || node.textContent.trim() || node.ariaLabel))"
            ".map(node => node.outerHTML)"
        )
        assert nameless == []


def test_landmarks_and_live_regions(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    for selector in ("header", "main", "nav[aria-label]", "[role=search]", "section[aria-label=Results]"):
        assert page.one(selector).is_displayed()
    assert page.one("#summary").get_attribute("role") == "status"
    assert page.one("#problem").get_attribute("role") == "alert"
    assert page.js("return document.documentElement.lang") == "en"
    headings = page.js("return [...document.querySelectorAll('#search-view :is(h2, h3)')].map(node => node.tagName)")
    assert headings[:2] == ["H2", "H2"]
    assert set(headings[2:]) == {"H3"}
    assert page.js("return new Set([...document.querySelectorAll('[id]')].map(node => node.id)).size") == len(
        page.all("[id]")
    )
