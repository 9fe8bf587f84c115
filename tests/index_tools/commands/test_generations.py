from pathlib import Path

import orjson
import pytest

from tests.index_tools.conftest import Run


@pytest.fixture
def two(run: Run, planets: Path, planets_index: Path) -> Path:
    """A collection of two generations."""
    assert run("build", planets, planets_index, "--replace").exit_code == 0
    return planets_index


def test_generations(run: Run, two: Path) -> None:
    text = run("generations", two).stdout
    assert [line.split()[0] for line in text.splitlines()] == ["generation", "000001", "000002"]
    assert text.splitlines()[2].split()[-1] == "served"
    found = orjson.loads(run("generations", two, "--json").stdout)
    assert [(info["generation"], info["current"], info["documents"]) for info in found] == [
        ("000001", False, 3),
        ("000002", True, 3),
    ]
    (two / "generations/000001/manifest.json").write_text("{")
    assert "is not JSON" in run("generations", two).stdout


def test_rollback(run: Run, two: Path) -> None:
    assert run("rollback", two).stdout == "generation 000001 is now served\n"
    assert run("rollback", two, "2").stdout == "generation 000002 is now served\n"
    result = run("rollback", two, "7")
    assert result.exit_code == 2
    assert "found no generation '7'" in result.output


def test_gc(run: Run, two: Path) -> None:
    assert run("gc", two).stdout == "removed nothing\n"
    assert run("gc", two, "--keep-generations", 1).stdout == "removed 000001\n"


def test_keep(run: Run, planets: Path, two: Path) -> None:
    assert run("build", planets, two, "--replace", "--keep-generations", 1).exit_code == 0
    assert [info["generation"] for info in orjson.loads(run("generations", two, "--json").stdout)] == ["000003"]


def test_verify(run: Run, two: Path) -> None:
    result = run("verify", two)
    assert (result.exit_code, "no damage" in result.stdout) == (0, True)
    path = two / "generations/000002/shard-00000/shared.arrow"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the magic at the end
    path.write_bytes(content)
    result = run("verify", two)
    assert result.exit_code == 1
    assert result.stdout.startswith("shard-00000/shared.arrow, framing: bytes ")
    result = run("verify", two, "--json")
    assert result.exit_code == 1
    [damage] = orjson.loads(result.stdout)["damages"]
    assert (damage["file"], damage["section"]) == ("shard-00000/shared.arrow", "framing")
    assert run("verify", two, "--generation", "000001", "--verify", "sample").exit_code == 0
    assert run("verify", two, "--verify", "most").exit_code == 2


def test_snapshots(run: Run, two: Path) -> None:
    file, copy = two.with_name("file"), two.with_name("copy")
    assert run("snapshot", "create", two, file, "--zstd").stdout.endswith(f" in {file}\n")
    assert run("snapshot", "restore", file, copy).stdout == f"restored in {copy}/generations/000001\n"
    assert run("verify", copy).exit_code == 0
    assert run("snapshot", "restore", file, two, "--keep-generations", 1).exit_code == 0
    assert [path.name for path in (two / "generations").iterdir()] == ["000003"]


def test_snapshots_of_which_the_newest_are_kept(run: Run, two: Path, tmp_path: Path) -> None:
    old, folder = tmp_path / "backups" / f"{two.name}-20200131T123015Z.snapshot", tmp_path / "backups"
    folder.mkdir()
    old.touch()
    said = run("snapshot", "create", two, folder, "--keep", 1).stdout.splitlines()
    [new] = folder.iterdir()
    assert said[0].endswith(f" in {new}")
    assert said[1:] == [f"removed {old}"]
    missing = run("snapshot", "create", two, tmp_path / "x.snapshot", "--keep", 1)
    assert (missing.exit_code, "expected an existing folder" in missing.output) == (2, True)
    assert run("snapshot", "create", two, folder, "--keep", 0).exit_code == 2


def test_migrate(run: Run, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("migrate", two).stdout == "nothing to do: the index already has format 1.0\n"
    monkeypatch.setattr("seismic.migrate", lambda collection: collection / "generations/000003")
    assert run("migrate", two).stdout == f"migrated to format 1.0: {two}/generations/000003\n"
