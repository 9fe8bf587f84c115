import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seismic import InputError, SparseVectors
from seismic.kernels import cpu
from seismic_tools.measure.bench import forms
from tests.conftest import DATA


def test_forms_are_timed_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(forms, "TARGETS", {})
    output = tmp_path / "forms.json"
    app = forms.typer.Typer(add_completion=False)
    app.command()(forms.main)
    result = CliRunner().invoke(app, [str(DATA), "--passes", "1", "--output", str(output)])
    assert result.exit_code == 0, result.output
    times = json.loads(output.read_text())
    assert list(times) == cpu.runnable()
    for by_length in times.values():
        assert list(by_length) == ["85", "119"]
        assert all(nanoseconds > 0 for passes in by_length.values() for nanoseconds in passes)
    assert all(form in result.output for form in times)


def test_too_few_long_documents() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}, {0: 1.0}])
    with pytest.raises(InputError, match="1 documents have 2 components, expected 64 or more"):
        forms.prepare(vectors, vectors, 2)


def test_documents_are_cut_to_one_length_and_match_best() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 1.0, 2 + number: 2.0 + number} for number in range(100)])
    work = forms.prepare(vectors, SparseVectors.from_dicts([{101: 1.0, 50: 1.0}], dimension=vectors.dimension), 3)
    assert work.components.reshape(-1, 3)[:2].tolist() == [[0, 1, 101], [0, 1, 50]]
    assert len(work.components) == 3 * forms.PER_QUERY
