"""Take the pictures of the console in docs/images: `python -m tests.console.screenshots`."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from PIL import Image
from selenium.webdriver import Chrome

import seismic
from seismic import SparseVectors
from tests.conftest import DATA
from tests.console.browser import Page, chromium
from tests.console.conftest import until_ready
from tests.server.conftest import PATIENCE, start

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 120_000
COLOURS = 128

QUESTION = "?collection=scifact&query=stem+cells+can+become+blood+cells"
FIRST = "console"  # the README's
PICTURES = {
    "console": (QUESTION, 1100, 760, False),
    "console-landing-1280-light": ("", 1280, 800, False),
    "console-search-1280-dark": (f"{QUESTION}&filter=structured%09is%09false", 1280, 900, True),
    "console-search-820-light": (QUESTION, 820, 1000, False),
    "console-search-360-light": (QUESTION, 360, 780, False),
    "console-search-360-dark": (QUESTION, 360, 780, True),
    "console-document-820-dark": ("?collection=scifact&document=4983", 820, 900, True),
    "console-index-1280-light": (f"{QUESTION}&view=index&limit=1&filter=structured%09is%09true", 1280, 900, False),
}
"""Name to address, width and height in pixels, and whether it is dark."""


def main() -> None:
    """Serve SciFact and take all pictures."""
    with TemporaryDirectory() as folder:
        served = Path(folder, "served")
        build(served)
        server = start(served, Path(folder, "log.jsonl"))
        driver = chromium()
        try:
            until_ready(server)
            for name, (address, width, height, dark) in PICTURES.items():
                page = Page(driver, server.url)
                page.size(width, dark, height)
                page.open(address)
                save(driver, IMAGES / f"{name}.png")
        finally:
            driver.quit()
            server.process.terminate()
            server.process.wait(PATIENCE)


def build(served: Path) -> None:
    """Build the collections: documents that are searched by text, and by tokens."""
    table = pq.read_table(DATA / "documents.parquet")
    vectors, documents = SparseVectors.from_arrow(table, 30_522), table.drop(["indices", "values"])
    encoder = seismic.load_encoder("splade-tiny")
    seismic.build(vectors, served / "scifact", documents=documents, encoder=encoder)
    vocabulary = encoder.vocabulary
    few, first = vectors.slice(0, 1000), documents.slice(0, 1000).select(["id", "title", "n_chars"])
    seismic.build(few, served / "titles", documents=first, vocabulary=vocabulary)


def save(driver: Chrome, file: Path) -> None:
    """Write what Chromium shows, with few colours."""
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    if size >= MOST_BYTES:
        raise SystemExit(f"{file}: found {size} bytes, expected less than {MOST_BYTES}")


if __name__ == "__main__":
    main()
