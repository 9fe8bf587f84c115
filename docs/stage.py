"""Copy the pages of the site to build/pages: `python docs/stage.py`.

Pages link to files of the repository by relative paths, as code hosts want them. On the site, a link to another page
stays relative, and one to anything else leads to the code host. Flowcharts, which code hosts draw, become pictures.
"""

import posixpath
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.flowchart import draw

ROOT = Path(__file__).parents[1]
STAGED = ROOT / "build" / "pages"
HOST = "https://github.com/seismic-search/seismic"
FRONT = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "SECURITY.md": "security.md",
}
"""Where the front pages of the repository are on the site; `docs/index.md` stands for the README."""

KINDS = {".md", ".css", ".json", ".png", ".svg"}
"""Endings of files that belong to the site; the scripts that draw its pictures do not."""

_FLOWCHART = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def pages() -> dict[str, Path]:
    """Return the files of the site by their paths there."""
    found = {path.relative_to(ROOT / "docs").as_posix(): path for path in sorted((ROOT / "docs").rglob("*"))}
    front = {page: ROOT / source for source, page in FRONT.items() if source != "README.md"}
    return {page: path for page, path in (found | front).items() if path.suffix in KINDS}


def link(source: Path, page: str, target: str) -> str:
    """Return a link of a page, relative to the source, as the site needs it."""
    path = posixpath.normpath(posixpath.join(source.parent.relative_to(ROOT).as_posix(), target))
    on_site = FRONT.get(path) or path.removeprefix("docs/")
    if on_site in pages():
        return posixpath.relpath(on_site, posixpath.dirname(page) or ".")
    return f"{HOST}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"


def staged(source: Path, page: str) -> str:
    """Return the text of a page with the links of the site."""
    return _LINK.sub(lambda match: link(source, page, match[1]), source.read_text(encoding="utf-8"))


def flowcharts(text: str, page: str) -> tuple[str, dict[str, str]]:
    """Return the text of a page with pictures in place of its flowcharts, and these by their paths on the site."""
    drawn: dict[str, str] = {}

    def picture(match: re.Match[str]) -> str:
        name = f"{posixpath.splitext(posixpath.basename(page))[0]}-{len(drawn) + 1}.svg"
        drawn[posixpath.join(posixpath.dirname(page), name)] = draw(match[1])
        return f"![Flowchart]({name})"

    return _FLOWCHART.sub(picture, text), drawn


def main() -> None:
    """Copy every page and picture."""
    shutil.rmtree(STAGED, ignore_errors=True)
    for page, source in pages().items():
        (STAGED / page).parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text, drawn = flowcharts(staged(source, page), page)
            for name, content in ({page: text} | drawn).items():
                (STAGED / name).write_text(content, encoding="utf-8")
        else:
            shutil.copyfile(source, STAGED / page)


if __name__ == "__main__":
    main()
