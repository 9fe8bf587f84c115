"""A folder of documents as people keep them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

import seismic
from seismic_tools.readers.front_matter import parse_front_matter
from tests.index_tools.conftest import Run, write_lines

PAGE = """<html><head><meta charset="latin-1"><title>The  Sun</title><style>x{}</style></head><body><h1>Sun</h1>
<p>It is a <b>st</b>ar, caf\xe9.</p><script>no()</script><p hidden>secret</p>after</body></html>"""


def pdf(text: str) -> bytes:
    """Return a PDF of one page."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    start = len(content)
    content += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "sub" / ".hidden").mkdir(parents=True)
    files: dict[str, bytes] = {
        "a.md": b"---\ntitle: My note\ntags: [a, b]\ndate: 2024-05-01\nyear: 2024\n---\n# Heading\nMars has moons.\n",
        "sub/b.MD": b"# Venus page\r\n\r\nVenus is hot.\r\n",
        "sub/c.txt": b"\xef\xbb\xbfplain text",
        "d.html": PAGE.encode("latin-1"),
        "e.csv": b'id,title,text,year\nr1,T,"csv, quoted\nlines",1999\n,U,second,\n',
        "f.json": b'[{"id": 7, "text": "from json"}, {"content": "no id"}]',
        "g.jsonl": b'{"id": "l1", "text": "lines"}\n',
        "h.pdf": pdf("from a page"),
        "u16.txt": "utf sixteen".encode("utf-16"),
        "empty.txt": b"",
        ".hidden.md": b"hidden",
        "sub/.hidden/x.md": b"hidden",
        "program.exe": b"\0\1",
        "latin.txt": b"caf\xe9",
        "broken.pdf": b"bad",
        "config.json": b'{"settings": 1}',
        "broken.csv": b"id,text\na,b,c\n",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "sub" / "loop").symlink_to(folder)
    return folder


def test_a_folder_is_a_collection(run: Run, notes: Path) -> None:
    result = run("build", notes, notes.with_name("out"), "--encoder", "bm25", "--text-fields", "title,text")
    assert result.exit_code == 0, result.output
    with seismic.open(notes.with_name("out")) as index:
        stored = {one.id: one.payload for one in index.scroll().documents}
        assert index.search("moons")[0].id == "a.md"
    texts = {id: (payload["title"], payload["text"]) for id, payload in stored.items()}
    assert texts == {
        "a.md": ("My note", "# Heading\nMars has moons."),
        "sub/b.MD": ("Venus page", "# Venus page\n\nVenus is hot."),
        "sub/c.txt": (None, "plain text"),
        "d.html": ("The Sun", "Sun\nIt is a star, café.\nafter"),
        "r1": ("T", "csv, quoted\nlines"),
        "e.csv#2": ("U", "second"),
        "7": (None, "from json"),
        "f.json#2": (None, "no id"),
        "l1": (None, "lines"),
        "h.pdf": (None, "from a page"),
        "u16.txt": (None, "utf sixteen"),
        "empty.txt": (None, ""),
    }
    assert (stored["a.md"]["tags"], stored["a.md"]["date"], stored["a.md"]["year"]) == (["a", "b"], "2024-05-01", 2024)
    assert stored["r1"]["year"] == 1999
    for name, problem in {
        "latin.txt": "byte 3 is not UTF-8; save the file as UTF-8",
        "broken.pdf": "cannot be read as PDF",
        "config.json": "row 1: found no title, text among settings",
        "broken.csv": "row 1: found 3 cells, expected 2 as in the heading",
    }.items():
        assert f"left out {notes / name}: {problem}" in result.stderr


def test_a_folder_takes_chunks_and_changes(run: Run, notes: Path) -> None:
    out = notes.with_name("out")
    assert run("build", notes, out, "--encoder", "bm25", "--chunk", 2).exit_code == 0
    (notes / "a.md").write_text("Mars")
    assert run("upsert", out, notes).exit_code == 0
    with seismic.open(out) as index:
        assert [one.id for one in index.scroll({"parent": "a.md"}).documents] == ["a.md#0"]


def test_errors_name_file_and_row(run: Run, tmp_path: Path) -> None:
    folder, out = tmp_path / "n", tmp_path / "out"
    folder.mkdir()
    (folder / "a.md").write_text("a")
    (folder / "b.csv").write_text("id,text\na.md,x\n")
    result = run("build", folder, out, "--encoder", "bm25")
    assert (
        f"{folder}, file b.csv, row 1, field 'id': found id 'a.md' again, first in {folder}, file a.md" in result.output
    )
    (folder / "b.csv").write_text("id,text,year\nb,x,1\n")
    (folder / "c.md").write_text("---\nyear: last\n---\nc")
    assert f"{folder}, file c.md, field 'year': found \"last\"" in run("build", folder, out, "--encoder", "bm25").output
    assert "found a text without a vector, expected an encoder" in run("build", folder, out).output
    result = run("build", write_csv(tmp_path, "id;text\na;b;c\n"), out, "--encoder", "bm25")
    assert "x.csv: row 1: found 3 cells" in result.output


def write_csv(folder: Path, text: str) -> Path:
    (folder / "x.csv").write_text(text)
    return folder / "x.csv"


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.md"])
def test_single_files_are_read_too(run: Run, tmp_path: Path, name: str) -> None:
    content = {"x.csv": "id;text\na;Mars\n", "x.json": '[{"id": "a", "text": "Mars"}]', "x.md": "Mars"}[name]
    (tmp_path / name).write_text(content)
    result = run("build", tmp_path / name, tmp_path / "out", "--encoder", "bm25")
    assert result.exit_code == 0, result.output
    with seismic.open(tmp_path / "out") as index:
        assert index.search("mars")[0].id == ("x.md" if name == "x.md" else "a")


def test_arrays_may_hold_vectors(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id": "a", "vector": {"red": 1.0}}, {"id": "b", "vector": {"blue": 2.0}}]')
    assert run("build", tmp_path / "x.json", tmp_path / "out").exit_code == 0
    found = run("search", tmp_path / "out", "--tokens", '{"blue": 1}', "--json").stdout
    assert orjson.loads(found)["id"] == "b"


def test_folders_of_vectors_stay_what_they_were(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write_lines(folder / "a.jsonl", {"id": "a", "vector": {"red": 1.0}})
    (folder / "README.md").write_text("About this data")
    assert run("build", folder, tmp_path / "out").exit_code == 0
    with seismic.open(tmp_path / "out") as index:
        assert len(index) == 1


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "---\na: 1\nb: 1.5\nc: true\nd: 'x: y'\ne: ~\n---\nrest",
            {"a": 1, "b": 1.5, "c": True, "d": "x: y", "e": None},
        ),
        ("---\ntags:\n  - a\n  - b # note\nempty:\n---\nrest", {"tags": ["a", "b"], "empty": None}),
        ("+++\na = 1\nday = 2024-05-01\n+++\nrest", {"a": 1, "day": "2024-05-01"}),
        ("---\n---\nrest", {}),
    ],
)
def test_front_matter(text: str, values: dict[str, Any]) -> None:
    assert parse_front_matter(text) == (values, "rest")


@pytest.mark.parametrize("text", ["---\na:\n  b: 1\n---\nrest", "---\nno end", "text --- x", "---\n- a\n---\nrest"])
def test_other_front_matter_is_text(text: str) -> None:
    assert parse_front_matter(text) == ({}, text)
