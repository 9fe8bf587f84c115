import inspect

import pytest

from seismic import errors
from seismic.errors import InputError, SeismicError, StorageError, VectorError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]


def test_every_error_has_the_one_root() -> None:
    assert len(CLASSES) > 10
    assert all(issubclass(cls, SeismicError) for cls in CLASSES)


def test_wrong_input_is_a_value_error_and_wrong_files_are_not() -> None:
    assert {cls.__name__ for cls in CLASSES if issubclass(cls, ValueError)} == {
        "InputError",
        "VectorError",
        "ParameterError",
        "QueryError",
        "FilterError",
    }
    assert not issubclass(StorageError, InputError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    shown = {line.split("──")[1].split()[0] for line in errors.__doc__.splitlines() if "──" in line}
    assert shown == {cls.__name__ for cls in CLASSES} - {"SeismicError"}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({}, "found nothing"),
        ({"row": 0}, "row 0: found nothing"),
        ({"field": "values"}, "field 'values': found nothing"),
        ({"row": 3, "field": "values", "source": "a.parquet"}, "a.parquet, row 3, field 'values': found nothing"),
    ],
)
def test_vector_errors_name_their_place(place: dict[str, object], message: str) -> None:
    error = VectorError("found nothing", **place)  # type: ignore[arg-type]
    assert str(error) == message
    assert error.problem == "found nothing"
    assert (error.row, error.field, error.source) == tuple(place.get(name) for name in ("row", "field", "source"))
