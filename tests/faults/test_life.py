"""The life of collections against a model: a part of what `python -m tests.faults.life` tries."""

from tests.faults.life import STEPS, run


def test_a_collection_agrees_with_a_model_through_its_life() -> None:
    run(examples=15, steps=15)
    assert STEPS["steps"] >= 15
