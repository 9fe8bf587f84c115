import orjson
import pytest

from seismic_tools.terminal import progress


def test_json_lines_are_few_and_the_end_of_a_stage_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 100.2, 101.1, 101.2, 101.3, 101.3])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress() as report:
        for stage, done in (("read", 1), ("read", 5), ("read", 6), ("read", 10), ("order", 10)):
            report(stage, done, 10)
    lines = [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["stage"], line["done"], line["total"], line["seconds"]) for line in lines] == [
        ("read", 5, 10, 1.1),
        ("read", 10, 10, 1.3),
        ("order", 10, 10, 1.3),
    ]


def test_bars_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress() as report:
        for done in (1, 10):
            report("read", done, 10)
        report("order", 10, 10)
    shown = capsys.readouterr().err
    assert "read" in shown
    assert "order" in shown
    assert "100%" in shown
    assert '"stage"' not in shown
