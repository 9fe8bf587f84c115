"""A field in a collection's manifest."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from seismic.conversion.plain import excerpt
from seismic.encoders import EncoderEntry
from seismic.errors import InputError, ParameterError

MOST_FIELDS, LONGEST_NAME = 16, 100
"""Most fields of a collection, and most characters of a name."""

MAX_WEIGHT = 1e6

RESERVED = ("indices", "values")
"""Names of the two columns of a table of vectors."""


class FieldEntry(BaseModel):
    """A named sparse vector that each document may have."""

    model_config = ConfigDict(frozen=True)  # ignores what a newer minor format version adds

    name: str

    encoder: EncoderEntry | None = None
    """The encoder of texts, or None."""

    numbered: bool = False
    """Whether components are given by number alone: any from 0 to 2^32 - 1. Otherwise each has a token."""

    weight: Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False)] = 1.0
    """Factor of the field's part of a score, unless a query brings another."""

    idf: bool = False
    """Whether each weight of a query is multiplied by the component's inverse document frequency."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the encoder reads; none without an encoder."""
        return self.encoder.fields if self.encoder else ()


def check_name(name: Any) -> str:
    """Return a field's name. Raises ParameterError."""
    expected = f"expected 1 to {LONGEST_NAME} printable characters"
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise ParameterError(f"fields: found the name {excerpt(name)}, {expected}")
    if name in RESERVED:
        raise ParameterError(f"fields: found the name '{name}', which is a column of vectors; choose another")
    return name


def check_weight(weight: Any, where: str) -> float:
    """Return the weight of a field. Raises ParameterError."""
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not 0 <= weight <= MAX_WEIGHT:  # a NaN fails both
        raise ParameterError(f"{where}: found {excerpt(weight)}, expected a number from 0 to {MAX_WEIGHT:,.0f}")
    return float(weight)


def named(fields: Sequence[FieldEntry]) -> str:
    """Return the names of fields for an error."""
    return ", ".join(field.name for field in fields) or "none"


def check_encoder(encoder: EncoderEntry | None, fields: Sequence[FieldEntry] = ()) -> EncoderEntry:
    """Return the encoder of a collection, or of its field. Raises InputError if there is none."""
    if encoder is not None:
        return encoder
    if len(fields) > 1:
        raise InputError(f"this collection has several fields ({named(fields)}), expected one of them")
    if fields:
        raise InputError(f"field '{fields[0].name}' has no encoder for texts; give indices and values, or tokens")
    raise InputError(
        "this collection has no encoder for texts; give indices and values, or tokens, or build it with an encoder "
        "(--encoder)"
    )
