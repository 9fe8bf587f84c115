"""A sample of the mutational fuzzing; `python -m tests.faults.fuzz` runs it for as long as wanted."""

from tests.faults.fuzz import mutations, run


def test_a_seed_decides_the_requests():
    one, other = mutations(7), mutations(7)
    assert [next(one) for _ in range(200)] == [next(other) for _ in range(200)]


def test_mutated_requests_never_fail(tmp_path):
    report = run(tmp_path / "served", seed=11, requests=3000)
    assert report["wrong"] == []
    assert report["statuses"].keys() >= {200, 400, 404, 405, 422}
    assert report["memory"][-1] < report["memory"][1] + (64 << 20)
