from pathlib import Path

import pytest

from seismic import InputError
from seismic.lines import lines, read_lines, without_mark

INSIDE = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei"
"""Characters at which `str.splitlines` splits, and which are no ends of lines in a file."""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_with_line_feeds_only(tmp_path: Path, end: str, mark: str, last: bool) -> None:
    path = tmp_path / "text"
    path.write_bytes((mark + end.join([INSIDE, "", "\ufeffz"]) + end * last).encode())
    assert read_lines(path, "text") == [INSIDE, "", "\ufeffz"]
    with path.open("rb") as file:
        assert next(lines(file)) == INSIDE.encode()


def test_what_is_no_text_of_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text"
    with pytest.raises(InputError, match="text: No such file or directory, expected names"):
        read_lines(path, "names")
    path.write_bytes(b"a\nb\xff\n")
    with pytest.raises(InputError, match="text, line 2: byte 1 is not UTF-8, expected names"):
        read_lines(path, "names")
    path.write_bytes("a\nb\n".encode("utf-16"))
    with pytest.raises(InputError, match="text: found text in UTF-16, expected UTF-8; save the file as UTF-8"):
        read_lines(path, "names")
    assert without_mark("\ufeff{}".encode()) == b"{}"
