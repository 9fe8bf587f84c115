"""encoder.json: how an encoder uses its model, tokenizer and weights."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from seismic.errors import EncoderError
from seismic.lines import without_mark

Activation: TypeAlias = Literal["log1p", "double_log"]
Pooling: TypeAlias = Literal["max", "sum"]
Precision: TypeAlias = Literal["float16", "float32"]
"""How matrices of a model are stored. They are computed with as float32."""

Count = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """encoder.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_length: Count
    """Word pieces per text that the model sees, special ones included. Longer texts are truncated."""

    output: Literal["logits", "weights"] = "logits"
    """`logits`: activation and pooling turn the model's output into weights. `weights`: the output is weights."""

    activation: Activation = "log1p"
    """Of logits: `log1p` is log(1 + relu(x)) as in SPLADE, `double_log` is log(1 + log(1 + relu(x)))."""

    pooling: Pooling = "max"
    """Of the activations of a text's pieces: their maximum or their sum."""

    positions: Count | None = None
    """The largest number of word pieces that the model takes. None: loading tries `max_length`."""

    query_prompt: str = ""
    """Text before every query."""

    document_prompt: str = ""
    """Text before every document."""

    query_length: Count | None = None
    """Word pieces of a query that the weights of idf.json see. None: all."""

    special_weights: bool = False
    """Whether special pieces in a query, such as [UNK], keep their weights in idf.json. Otherwise they have none."""

    lower_case: bool = False
    """Whether texts are lowercased before the tokenizer's own normalisation."""

    max_active: Count | None = None
    """Components of a vector: those of the largest weights. None: all."""

    @model_validator(mode="after")
    def _check_output(self) -> Self:
        for name in ("activation", "pooling"):
            if self.output == "weights" and name in self.model_fields_set:
                raise PydanticCustomError("output", f"{name} applies to logits, found output 'weights'; remove one")
        if self.positions is not None and self.positions < self.max_length:
            raise PydanticCustomError("positions", "max_length must not exceed positions")
        return self


def read_config(path: Path) -> Config:
    """Read encoder.json. Raises EncoderError."""
    try:
        return Config.model_validate_json(without_mark(path.read_bytes()))
    except OSError as error:
        raise EncoderError(f'{path}: {error.strerror}, expected JSON such as {{"max_length": 256}}') from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise EncoderError(f"{path}: {place}: {problem['msg'].lower()} (found {problem['input']!r})") from None
