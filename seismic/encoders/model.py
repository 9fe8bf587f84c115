"""Encode with a SPLADE-style masked language model in ONNX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.encoders.encoded import Encoded
from seismic.encoders.pieces import Pieces, blank_rows
from seismic.encoders.session import Session, runs
from seismic.errors import EncoderError
from seismic.stop import current
from seismic.vectors import MIN_VALUE, SparseVectors

WEIGHTS = ("sentence_embedding", "weights")
"""Names of outputs that are finished weights."""

Activation: TypeAlias = Literal["log1p", "double_log"]


class MaskedLanguageModel:
    """Computes, for every component, the maximum over a text's word pieces of log(1 + relu(logit)).

    This is SPLADE-max (Formal et al., "SPLADE v2", 2021). The model's output `logits` is float32
    [texts, pieces, dimension], or [texts, dimension] if the model takes the maximum. Runs on the calling thread only,
    so that searches keep the other cores; call it from several threads for throughput.
    """

    def __init__(self, path: Path, pieces: Pieces, activation: Activation | None = "log1p") -> None:
        """`activation` None: the output is finished weights."""
        self._session = Session(path)
        self._path, self._pieces = path, pieces
        self._activation = activation
        self._output = _output(path, self._session.outputs, activation is None)
        self.dimension = self._run([pieces.for_model("").pieces or [0]]).shape[1]
        try:
            self._run([[0] * pieces.max_length])
        except EncoderError as error:
            raise EncoderError(
                f"{path}: fails on {pieces.max_length} word pieces, the max_length of encoder.json, which must not "
                f"exceed the model's positions ({error})"
            ) from None

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Encode texts."""
        blank = blank_rows(texts)
        cut = [self._pieces.for_model(text) for text in texts]
        components = [np.zeros(0, np.int64)] * len(texts)
        values = [np.zeros(0, np.float32)] * len(texts)
        for rows in runs([0 if empty else len(one.pieces) for empty, one in zip(blank, cut, strict=True)]):
            current().check()
            for row, logits in zip(rows, self._run([cut[row].pieces for row in rows]), strict=True):
                components[row] = np.flatnonzero(logits >= MIN_VALUE)
                values[row] = self._weights(logits[components[row]])
        indptr = np.cumsum([0, *map(len, components)])
        none = np.zeros(0, np.int64)
        vectors = SparseVectors.trusted(
            indptr, np.concatenate([none, *components]), np.concatenate([none, *values]), self.dimension
        )
        return Encoded(vectors, np.array([one.beyond for one in cut], np.int64))

    def _weights(self, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self._activation is None:
            return outputs
        weights: npt.NDArray[np.float32] = np.log1p(outputs)
        return np.log1p(weights) if self._activation == "double_log" else weights

    def _run(self, texts: list[list[int]]) -> npt.NDArray[np.float32]:
        """Return float32 [texts, dimension], the largest logit of each component over a text's pieces."""
        logits, mask = self._session.run(self._output, texts)
        best = _pooled(logits, mask)
        if best is None or best.dtype != np.float32:
            found = f"{logits.dtype} {list(logits.shape)}"
            raise EncoderError(
                f"{self._path}: found an output of {found} for {mask.shape[0]} texts of {mask.shape[1]} pieces, "
                "expected float32 logits of every component, for every piece or the largest of them"
            )
        if not np.isfinite(best).all():
            raise EncoderError(f"{self._path}: found a logit that is infinite or NaN, expected finite numbers")
        return best


def _output(path: Path, outputs: list[str], finished: bool) -> str:
    """Return the name of the output to use. Logits must be named so: other outputs may be weights already."""
    if not finished:
        if "logits" in outputs:
            return "logits"
        raise EncoderError(
            f"{path}: found outputs {', '.join(outputs)}, expected one named 'logits'; if the output is finished "
            'weights, write "output": "weights" in encoder.json'
        )
    named = [name for name in outputs if name in WEIGHTS] or [name for name in outputs if name != "logits"]
    if len(named) != 1:
        found = ", ".join(outputs)
        raise EncoderError(f"{path}: found outputs {found}, expected one of finished weights, such as {WEIGHTS[0]!r}")
    return named[0]


def _pooled(logits: Any, mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
    """Return the maximum over the pieces of each text; None if the shape does not fit."""
    if logits.ndim == 2 and len(logits) == len(mask):
        return np.asarray(logits)
    if logits.ndim != 3 or logits.shape[:2] != mask.shape:
        return None
    return np.stack([rows[: int(present.sum())].max(axis=0) for rows, present in zip(logits, mask, strict=True)])
