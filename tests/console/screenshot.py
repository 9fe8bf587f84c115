"""Take the README's screenshot of the console: `python -m tests.console.screenshot`."""

from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pyarrow.parquet as pq
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import seismic
from seismic import SparseVectors
from tests.conftest import DATA
from tests.console.test_console import CHROMIUM, DRIVER
from tests.server.conftest import PATIENCE, start, wait_for

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "console.png"
QUESTION = "stem cells can become blood cells"


def main() -> None:
    """Serve SciFact, ask a question in Chromium and save what it shows."""
    with TemporaryDirectory() as folder:
        table = pq.read_table(DATA / "documents.parquet")
        encoder = seismic.load_encoder("splade-tiny")
        vectors, documents = SparseVectors.from_arrow(table, 30_522), table.drop(["indices", "values"])
        seismic.build(vectors, Path(folder, "served", "scifact"), documents=documents, encoder=encoder)
        server = start(Path(folder, "served"), Path(folder, "log.jsonl"))
        try:
            wait_for(lambda: httpx.get(f"{server.url}/readyz").is_success)
            shoot(server.url)
        finally:
            server.process.terminate()
            server.process.wait(PATIENCE)


def shoot(url: str) -> None:
    """Ask the question at `url` and write the image."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,760"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        driver.get(url)
        driver.find_element(By.ID, "query").send_keys(QUESTION)
        driver.find_element(By.CSS_SELECTOR, "#search button[type=submit]").click()
        WebDriverWait(driver, PATIENCE).until(lambda page: page.find_elements(By.CSS_SELECTOR, "#hits > li"))
        driver.find_element(By.TAG_NAME, "h1").click()
        driver.save_screenshot(str(IMAGE))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
