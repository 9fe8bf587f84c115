"""Bodies of searches. A search is the engine's own request with the fields that REST adds."""

from typing import Annotated, Any, Literal, NotRequired

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SkipValidation,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)
from typing_extensions import TypedDict

import seismic
from seismic.fields.entry import MOST_FIELDS
from seismic.filters.parse import AnyFilter
from seismic.search.examples import MAX_EXAMPLES
from seismic_server.schemas.bodies import Component, Id, Schema, SequenceNumber, Weight
from seismic_server.schemas.fields import FieldName, FieldWeight

_OBJECT = with_config(ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True))
_EITHER = "an object with either 'indices' and 'values', 'tokens', 'text', 'id', 'fields', or 'positive' and 'negative'"


@_OBJECT
class VectorQuery(TypedDict):
    """A sparse vector as two parallel lists."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})]
    """Components in any order, each at most once. Unknown components match nothing."""

    values: Annotated[list[Weight], Field(fail_fast=True)]
    """Weights of the components, one per component."""


@_OBJECT
class TokenQuery(TypedDict):
    """A sparse vector by token. Needs a collection with a vocabulary."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)]
    """Token to weight. Unknown tokens match nothing."""


@_OBJECT
class TextQuery(TypedDict):
    """A text. Needs a collection with an encoder."""

    text: str
    """Text to search for. Text beyond the encoder's limit is cut off, with a warning."""


@_OBJECT
class IdQuery(TypedDict):
    """Documents similar to one of the collection, which is not a hit itself."""

    id: Id
    """Id of the document."""


FieldPart = Annotated[
    Annotated[VectorQuery, Tag("VectorQuery")]
    | Annotated[TokenQuery, Tag("TokenQuery")]
    | Annotated[TextQuery, Tag("TextQuery")],
    Discriminator(
        lambda part: kind if (kind := _kind_of_query(part)) in ("VectorQuery", "TokenQuery", "TextQuery") else None,
        custom_error_type="part_kind",
        custom_error_message="expected a text, or an object with either 'indices' and 'values', 'tokens', or 'text'",
    ),
]


@_OBJECT
class FieldsQuery(TypedDict):
    """Several named vectors, or one of them, searched at once."""

    fields: Annotated[
        dict[
            FieldName,
            Annotated[
                FieldPart,
                BeforeValidator(
                    lambda part: {"text": part} if isinstance(part, str) else part,
                    json_schema_input_type=str | FieldPart,
                ),
            ],
        ],
        Field(min_length=1, max_length=MOST_FIELDS),
    ]
    """The query of each field by name. A text is short for `{"text": ...}`."""

    weights: NotRequired[Annotated[dict[FieldName, FieldWeight], Field(max_length=MOST_FIELDS)]]
    """Factor of each field's part of a score, in place of the collection's."""

    fusion: NotRequired[Literal["sum", "rrf"]]
    """`sum`: the score is the weighted sum of the fields' scores. `rrf`: each field is searched apart, and the score is
    the sum of weight / (60 + rank)."""


@_OBJECT
class FieldsVector(TypedDict):
    """The vectors of a document of a collection with several named vectors."""

    fields: dict[FieldName, VectorQuery | TokenQuery]
    """The vector of each field that the document has."""


KINDS = {
    "indices": "VectorQuery",
    "values": "VectorQuery",
    "tokens": "TokenQuery",
    "text": "TextQuery",
    "id": "IdQuery",
    "fields": "FieldsQuery",
} | dict.fromkeys(("positive", "negative"), "ExamplesQuery")
"""Field to the kind of query that has it."""


def _kind_of_query(query: Any) -> str | None:
    """Return the kind of a query by its field names, so that errors are about the kind that was meant."""
    if not isinstance(query, dict):
        return None
    kinds = {KINDS[field] for field in query.keys() & KINDS.keys()}
    return kinds.pop() if len(kinds) == 1 else None


def _kind_of_example(example: Any) -> str | None:
    if isinstance(example, str | int) and not isinstance(example, bool):
        return "Id"
    kind = _kind_of_query(example)
    return kind if kind in ("VectorQuery", "TokenQuery", "TextQuery") else None


Example = Annotated[
    Annotated[Id, Tag("Id")]
    | Annotated[VectorQuery, Tag("VectorQuery")]
    | Annotated[TokenQuery, Tag("TokenQuery")]
    | Annotated[TextQuery, Tag("TextQuery")],
    Discriminator(
        _kind_of_example,
        custom_error_type="example_kind",
        custom_error_message="expected an id, or an object with either 'indices' and 'values', 'tokens', or 'text'",
    ),
]


@_OBJECT
class ExamplesQuery(TypedDict):
    """Documents similar to positive and dissimilar to negative examples. The query is the mean of the positive examples
    minus half the mean of the negative ones, where positive. Documents that serve as examples are not hits."""

    positive: Annotated[list[Example], Field(fail_fast=True, min_length=1, max_length=MAX_EXAMPLES)]
    """Document ids, sparse vectors or texts; at least one."""

    negative: NotRequired[Annotated[list[Example], Field(fail_fast=True, max_length=MAX_EXAMPLES)]]
    """Document ids, sparse vectors or texts to avoid."""


_QueryObject = Annotated[
    Annotated[VectorQuery, Tag("VectorQuery")]
    | Annotated[TokenQuery, Tag("TokenQuery")]
    | Annotated[TextQuery, Tag("TextQuery")]
    | Annotated[IdQuery, Tag("IdQuery")]
    | Annotated[ExamplesQuery, Tag("ExamplesQuery")]
    | Annotated[FieldsQuery, Tag("FieldsQuery")],
    Discriminator(_kind_of_query, custom_error_type="query_kind", custom_error_message=f"expected {_EITHER}"),
]

AnyQuery = Annotated[
    _QueryObject,
    BeforeValidator(
        lambda query: {"text": query} if isinstance(query, str) else query, json_schema_input_type=str | _QueryObject
    ),
]
"""A query object, or a text, which is short for `{"text": ...}`."""


AllOrNamed = Annotated[
    Annotated[bool, Tag("bool")] | Annotated[list[str], Field(fail_fast=True), Tag("list")],
    Discriminator(
        lambda columns: type(columns).__name__,
        custom_error_type="columns",
        custom_error_message="expected true, false or a list of column names",
    ),
]


AsVector = Annotated[
    Annotated[bool, Tag("bool")] | Annotated[Literal["tokens"], Tag("str")],
    Discriminator(
        lambda form: type(form).__name__,
        custom_error_type="vectors",
        custom_error_message='expected true, false or "tokens"',
    ),
]


class SearchRequest(seismic.SearchRequest):
    """A query and how to answer it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": {"indices": [2054, 7592], "values": [1.2, 0.4]}, "limit": 10},
                {
                    "query": {"tokens": {"planet": 2.1, "orbit": 0.8}},
                    "limit": 5,
                    "offset": 1,
                    "params": {"plan": "exact"},
                    "with_payload": ["title"],
                },
                {"query": {"indices": [2054, 7592], "values": [1.2, 0.4]}, "params": {"recall": 0.97}},
                {
                    "query": {"tokens": {"planet": 2.1, "orbit": 0.8}},
                    "filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]},
                },
                {"query": {"text": "do planets orbit stars"}, "with_payload": ["title"]},
                {
                    "query": {"tokens": {"planet": 2.1, "orbit": 0.8}},
                    "feedback": {},
                    "facets": [{"key": "n_sentences", "limit": 3}],
                    "fusion": {"runs": [{"hits": [{"id": "4983", "score": 0.83}, {"id": "5836", "score": 0.79}]}]},
                    "explain": True,
                },
                {"query": {"fields": {"bm25": "do planets orbit stars"}, "weights": {"bm25": 0.7}}},
                {"query": {"positive": ["4983", {"tokens": {"planet": 2.1}}], "negative": ["5836"]}},
            ]
        }
    )

    __init__ = BaseModel.__init__  # its errors keep their places in the body

    query: AnyQuery | None = None
    """Query: a sparse vector, weighted tokens, a text, the id of a document, or examples. Without one, documents are
    listed by id or in the order of `order_by`, all with score 0, and facets count all of them."""

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it, and remembers the result
    """Return only documents that match this filter."""

    idf_filter: SkipValidation[AnyFilter] | None = None
    """Weigh the words of a text by their inverse document frequencies among the documents that match this filter, such
    as those of a tenant. Needs an encoder that weighs words so: BM25, or `--query-encoder idf`."""

    with_payload: AllOrNamed = True
    """Columns to return: all, none, or those named."""

    with_vector: AsVector = False
    """Whether to return stored vectors: as `indices` and `values`, or as `tokens`, which needs a vocabulary."""

    min_sequence: SequenceNumber | None = None
    """Wait until this change is included, such as the `sequence` of a change's answer."""


_QUERIES = TypeAdapter(list[AnyQuery])


def _validate_alike(given: Any, validate: ValidatorFunctionWrapHandler) -> list[SearchRequest]:
    """Validate searches, sharing the work among those that differ only in their query.

    If anything is wrong, each search is validated on its own, so that errors have their usual words and places.
    """
    if not isinstance(given, list) or len(given) < 2:
        return list(validate(given))
    alike: dict[bytes, SearchRequest] = {}
    searches = []
    try:
        queries = _QUERIES.validate_python([one["query"] for one in given])
        for one, query in zip(given, queries, strict=True):
            # As JSON, because True == 1 == 1.0 in Python.
            others = orjson.dumps({name: value for name, value in one.items() if name != "query"})
            if others not in alike:
                (alike[others],) = validate([one])
            searches.append(alike[others].model_copy(update={"query": query}))
    except (ValidationError, LookupError, TypeError):
        searches = validate(given)
    return searches


class BatchRequest(Schema):
    """Several searches, answered from the same state of the collection."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "searches": [
                        {"query": {"indices": [7592], "values": [1.2]}, "with_payload": False},
                        {"query": {"indices": [4774], "values": [2.1]}, "with_payload": False},
                    ]
                }
            ]
        }
    )

    searches: Annotated[list[SearchRequest], Field(min_length=1), WrapValidator(_validate_alike)]
    """Searches. Those with equal `limit`, `offset`, `filter` and `params` are answered together, which is fastest."""
