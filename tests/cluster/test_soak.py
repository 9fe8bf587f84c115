"""Short forms of `tests.cluster.soak`."""

from pathlib import Path

from tests.cluster.soak import change_and_kill, publish_and_search


def test_changes_are_neither_lost_nor_doubled_while_replicas_are_killed(tmp_path: Path) -> None:
    assert change_and_kill(tmp_path, 60)["killed"] == 2


def test_each_answer_is_of_one_generation(tmp_path: Path) -> None:
    done = publish_and_search(tmp_path, 6)
    assert done["published"] == 5
    assert done["searches"] > 0
