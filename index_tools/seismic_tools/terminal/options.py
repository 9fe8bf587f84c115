"""Command-line options derived from the fields of parameter models, so that names, defaults and help agree."""

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, get_args, get_origin

import orjson
import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from seismic import Bm25, ParameterError, QueryError
from seismic.encoders.bm25 import NAME as BM25
from seismic.params import Params

NewFields: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=ENCODER[:COLUMN,...]]",
        help="A named vector, perhaps with an encoder and the columns it reads, or `tokens`; repeatable.",
        show_default=False,
    ),
]
SearchedFields: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Search this field; repeatable.", show_default="all with an encoder"),
]
Chunk: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="PIECES",
        help="Cut the last encoded column into chunks of at most this many word pieces, each a document of its own.",
        show_default=False,
    ),
]
Overlap: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="PIECES",
        help="Word pieces that a chunk repeats from the end of the one before; with --chunk.",
        show_default="0",
    ),
]
NewIdf: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--idf",
        metavar="NAME",
        help="Multiply the weights of queries of this field by inverse document frequency; repeatable.",
        show_default=False,
    ),
]
_WEIGHTS: dict[str, Any] = {"metavar": "NAME=NUMBER", "help": "Factor of a field's part of a score; repeatable."}
NewWeights: TypeAlias = Annotated[list[str] | None, typer.Option(**_WEIGHTS, show_default="1 each")]
SearchedWeights: TypeAlias = Annotated[list[str] | None, typer.Option(**_WEIGHTS, show_default=False)]


def finite(value: float | None) -> float | None:
    """Return the value of an option; BadParameter for infinity and for what is no number. A callback."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"found {value}, expected a finite number")
    return value


def with_params(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each argument of a command that is a model of parameters with one option per field of the model."""
    signature = inspect.signature(command)
    models = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Params)
    }
    own = [parameter for name, parameter in signature.parameters.items() if name not in models]
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[_type_of(field), typer.Option(help=field.description, rich_help_panel=model.__name__)],
        )
        for model in models.values()
        for name, field in model.model_fields.items()
    ]

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        params = {
            argument: model(**{name: values.pop(name) for name in model.model_fields})
            for argument, model in models.items()
        }
        command(**values, **params)

    expanded.__signature__ = signature.replace(parameters=[*own, *fields])  # type: ignore[attr-defined]
    return expanded


def check_bm25(bm25: Bm25, encoder: str | None) -> Bm25:
    """Return the parameters of BM25. Raises ParameterError if some are given for another encoder."""
    if bm25 != Bm25() and encoder != BM25:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in Bm25.model_fields)
        raise ParameterError(f"{options} need --encoder {BM25}")
    return bm25


def _type_of(field: FieldInfo) -> Any:
    """Return the type of an option. A field that accepts aliases is text: typer would refuse them."""
    return str if any(isinstance(one, BeforeValidator) for one in field.metadata) else _plain(field.annotation)


def _plain(annotation: Any) -> Any:
    """Return `Annotated[int, ...] | None` as `int | None`: typer needs plain types, and the model checks ranges."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0]
    plain = [_plain(part) for part in get_args(annotation)]
    return functools.reduce(lambda one, other: one | other, plain) if type(None) in plain else annotation


def parse_json(option: str, text: str) -> dict[str, Any]:
    """Return the JSON object that an option holds. Raises QueryError."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"{option}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise QueryError(f"{option}: found a JSON {type(value).__name__}, expected an object")
    return value


def column_types(given: Sequence[str], option: str) -> dict[str, str]:
    """Return column -> type of options such as year=int32. Raises ParameterError, which starts with `option`."""
    types: dict[str, str] = {}
    for text in given:
        name, equals, kind = text.partition("=")
        if not equals:
            raise ParameterError(f"{option}: found '{text}', expected NAME=TYPE such as year=int32")
        if name in types:
            raise ParameterError(f"{option}: found '{name}' twice, expected each column once")
        types[name] = kind
    return types
