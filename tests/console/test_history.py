"""The address holds everything, and Back and Forward restore it."""

from tests.console.browser import Page
from tests.server.conftest import wait_for


def state(page: Page) -> dict[str, object]:
    """Return what a person sees of a search."""
    fields = {name: page.one(f"#{name}").get_attribute("value") for name in ("query", "limit", "recall", "collection")}
    return {
        **fields,
        "titles": page.titles(),
        "tags": page.texts("#tags bdi"),
        "page": page.text("#pages [aria-current]"),
    }


def test_back_and_forward_restore_the_whole_search(page: Page) -> None:
    page.open("?collection=papers")
    page.search("cell")
    seen = [(page.driver.current_url, state(page))]
    page.choose("#limit", "5")
    page.choose("#recall", "0.97")
    page.click("input[data-key='structured is false']")
    page.click("#pages a")
    page.type("2\n", "input[aria-label='Weight of cell']")
    page.settle()
    page.click("#pages a")
    seen.append((page.driver.current_url, state(page)))
    page.search("protein")
    seen.append((page.driver.current_url, state(page)))

    page.driver.back()
    page.settle()
    assert (page.driver.current_url, state(page)) == seen[1]
    for _ in range(6):
        page.driver.back()
        page.settle()
    assert (page.driver.current_url, state(page)) == seen[0]
    for _ in range(7):
        page.driver.forward()
        page.settle()
    assert (page.driver.current_url, state(page)) == seen[2]
    page.open(seen[1][0].partition("?")[1] + seen[1][0].partition("?")[2])  # a bookmark
    assert state(page) == seen[1][1]


def test_typing_makes_one_entry(page: Page) -> None:
    page.open("?collection=papers")
    page.js(
        "window.pushed = 0; const push = history.pushState;"
        "history.pushState = (...given) => { window.pushed += 1; push.apply(history, given); };"
    )
    for text in ("c", "e", "l", "l"):
        page.one("#query").send_keys(text)
        page.settle()
    assert page.js("return window.pushed") == 1
    page.search("protein")
    page.driver.back()
    page.settle()
    assert page.one("#query").get_attribute("value") == "cell"
    page.driver.back()
    page.settle()
    assert page.one("#query").get_attribute("value") == ""


def test_views_are_entries(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    title = page.titles()[0]
    page.click("#hits h3 a")
    assert page.text("#document-view h1") == title
    page.click("#to-index-view")
    assert page.text("#index-view h1") == "Index of papers"
    page.driver.back()
    page.settle()
    assert page.text("#document-view h1") == title
    page.driver.back()
    page.settle()
    assert page.titles()[0] == title
    page.click(".brand")
    assert page.one("#landing").is_displayed()
    assert "?" not in page.driver.current_url
    page.driver.back()
    page.settle()
    assert page.titles()[0] == title


def test_links_open_in_new_tabs(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    address = page.one("#hits h3 a").get_attribute("href")
    assert address
    page.open(address.partition("/?")[1][1:] + address.partition("/?")[2])
    assert page.one("#document-view h1").is_displayed()


def test_addresses_that_make_no_sense(page: Page) -> None:
    page.open("?collection=papers&query=cell&page=-1&limit=many&tokens=[1&recall=much&view=moon&x=y")
    assert len(page.hits()) == 10
    page.open("?collection=nowhere&query=cell")
    assert page.text("#problem-title") == "There is no collection “nowhere”."


def test_the_console_is_at_two_paths(page: Page) -> None:
    page.open("?collection=papers&query=cell", path="/console")
    assert len(page.hits()) == 10
    page.click("#hits h3 a")
    wait_for(lambda: page.one("#document-view h1").is_displayed())
    assert "/console?" in page.driver.current_url
