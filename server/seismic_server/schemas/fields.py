"""Options of named vectors."""

from typing import Annotated

from pydantic import Field

from seismic import Bm25
from seismic.fields.entry import LONGEST_NAME, MAX_WEIGHT
from seismic_server.schemas.bodies import Schema

FieldName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
FieldWeight = Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False)]


class FieldOptions(Schema):
    """Options of a named vector. Without `encoder` and `vocabulary`, its components are any numbers."""

    encoder: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Encoder of texts, as for a collection."""

    bm25: Bm25 | None = None
    """Parameters of the encoder `bm25`."""

    columns: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    """Payload columns that the encoder reads, joined by a space. Without it, the column `text`."""

    vocabulary: Annotated[list[str], Field(fail_fast=True)] | None = None
    """Tokens of the components, in place of an encoder. Documents add others, unless `strict`."""

    weight: FieldWeight = 1.0
    """Factor of the field's part of a score, unless a query brings another."""

    idf: bool = False
    """Whether each weight of a query is multiplied by the component's inverse document frequency."""
