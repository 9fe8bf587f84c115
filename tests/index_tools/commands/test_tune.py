from pathlib import Path

import orjson
import pytest

import seismic
from tests.conftest import DATA, Scifact
from tests.index_tools.conftest import Run, shell, write_lines

QUERIES = DATA / "queries.parquet"


@pytest.fixture(scope="module")
def collection(scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "scifact"
    seismic.build(scifact.vectors, folder, vocabulary=scifact.vocabulary)
    return folder


def test_what_was_tuned_is_shown_stored_and_chosen(collection: Path, run: Run, tmp_path: Path) -> None:
    options = "-k", 10, "--targets", "0.7,0.9", "--sample", 200, "--seed", 3
    result = run("tune", collection, "--queries", QUERIES, *options)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[:2] for row in rows if row and row[0] == "10"] == [["10", "0.7"], ["10", "0.9"], ["10", "exact"]]

    inspected = run("inspect", collection, "--all")
    assert [line.split() for line in inspected.stdout.splitlines() if line.startswith("10")] == [
        row for row in rows if row and row[0] == "10"
    ]
    profiles = orjson.loads(run("inspect", collection, "--json").stdout)["profiles"]
    with seismic.open(collection) as index:
        assert profiles == [profile.model_dump() for profile in index.profiles]
    assert [(profile["target"], profile["queries"]) for profile in profiles] == [(0.7, 200), (0.9, 200), (1.0, 200)]
    exact = profiles[-1]
    assert {name: value for name, value in exact["params"].items() if value is not None} == {"plan": "exact"}
    assert [exact[name] for name in ("recall", "lower", "upper")] == [1.0, 1.0, 1.0]

    vector = '{"indices": [4774, 8062], "values": [2.1, 0.7]}'
    found = run("search", collection, "--vector", vector, "--recall", 0.7)
    assert f"plan exact for recall {chosen(profiles, 0.7)['target']:g} (measured: " in found.stdout
    refused = run("search", collection, "--vector", vector, "--recall", 0.7, "--plan", "exact")
    assert (refused.exit_code, "leave out either" in refused.stderr) == (2, True)

    evaluated = run("evaluate", collection, "--queries", QUERIES, "--recall", 0.7, "-k", 10, "--output", tmp_path)
    assert evaluated.exit_code == 0, evaluated.output
    heading = [cell.strip() for cell in evaluated.stdout.split("\n|", 1)[1].split("\n")[0].split("|")]
    assert [cell for cell in heading if cell] == ["exact", "exact, recall 0.7"]
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    depths = [setting["depths"][0] for setting in report["settings"]]
    assert [depth["profile"] for depth in depths] == [None, chosen(profiles, 0.7)]
    assert depths[1]["recall"] >= 0.7


def chosen(profiles: list[dict[str, float]], recall: float) -> dict[str, float]:
    """Return the profile that the planner takes for k = 10."""
    keeping = [profile for profile in profiles if profile["lower"] >= recall]
    return min(keeping, key=lambda profile: profile["microseconds"] / profile["exact_microseconds"])


def test_as_json_without_queries(planets_index: Path, run: Run) -> None:
    result = run("tune", planets_index, "-k", 1, "-k", 2, "--targets", "0.5", "--json")
    assert result.exit_code == 0, result.output
    profiles = orjson.loads(result.stdout)
    assert [(profile["k"], profile["target"]) for profile in profiles] == [(1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)]
    assert {profile["queries"] for profile in profiles} == {3}
    stages = [orjson.loads(line) for line in result.stderr.splitlines()]
    assert [stage["stage"] for stage in stages if stage["done"] == stage["total"]] == ["k = 1", "k = 2"]


def test_queries_of_tokens(planets_index: Path, run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "queries.jsonl", {"id": 1, "vector": {"planet": 1.0, "pluto": 2.0}})
    result = run("tune", planets_index, "--queries", path, "-k", 1, "--json")
    assert result.exit_code == 0, result.output
    assert {profile["queries"] for profile in orjson.loads(result.stdout)} == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--targets", "0.9;0.95"), "--targets: found '0.9;0.95', expected recalls such as 0.9,0.95"),
        (("--targets", "1.0"), "expected recalls between 0 and 1"),
        (("-k", 0), "depths: found [0]"),
        (("--sample", 0), "sample is 0"),
    ],
)
def test_options_out_of_range(planets_index: Path, run: Run, options: tuple[str, ...], message: str) -> None:
    result = run("tune", planets_index, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_damaged_profiles_are_named_and_not_used(planets_index: Path, run: Run) -> None:
    assert run("tune", planets_index, "-k", 1).exit_code == 0
    file = planets_index / "profiles" / "000001.json"
    file.write_bytes(file.read_bytes()[:-9])
    shown = shell("inspect", planets_index)
    assert shown.returncode == 0
    assert shown.stderr.startswith(f"warning: {file}")
    assert shown.stderr.count("\n") == 1
    file.unlink()
    assert run("inspect", planets_index).exit_code == 0
