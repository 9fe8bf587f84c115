"""Encode with a SPLADE-style masked language model in ONNX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.encoders.config import Activation, Config
from seismic.encoders.encoded import Encoded
from seismic.encoders.pieces import Pieces, blank_rows
from seismic.encoders.session import Session, runs
from seismic.encoders.weights import heaviest
from seismic.errors import EncoderError
from seismic.stop import current
from seismic.vectors import MIN_VALUE, SparseVectors

WEIGHTS = ("sentence_embedding", "weights")
"""Names of outputs that are finished weights."""


class MaskedLanguageModel:
    """Computes, for every component, the largest activation of a text's word pieces, log(1 + relu(logit)).

    This is SPLADE-max (Formal et al., "SPLADE v2", 2021); the configuration chooses other activations, and the sum. The
    model's output `logits` is float32 [texts, pieces, dimension], or [texts, dimension] if the model takes the maximum.
    Runs on the calling thread only, so that searches keep the other cores; call it from several threads for throughput.
    """

    def __init__(self, session: Session, pieces: Pieces, config: Config) -> None:
        self._session, self._pieces, self._config = session, pieces, config
        self._path = session.path
        self._output = _output(session.path, session.outputs, config.output == "weights")
        self.dimension = self._run([pieces.for_model("").pieces or [0]]).shape[1]
        if config.positions is not None:
            return
        try:
            self._run([[0] * config.max_length])
        except EncoderError as error:
            raise EncoderError(
                f"{session.path}: fails on {config.max_length} word pieces, the max_length of encoder.json, which must "
                f"not exceed the model's positions ({error})"
            ) from None

    def __call__(self, texts: Sequence[str], prompt: str = "") -> Encoded:
        """Encode texts, each after the prompt."""
        blank = blank_rows(texts)
        cut = [self._pieces.for_model(prompt + text) for text in texts]
        components = [np.zeros(0, np.int64)] * len(texts)
        values = [np.zeros(0, np.float32)] * len(texts)
        lengths = [0 if empty else len(one.pieces) for empty, one in zip(blank, cut, strict=True)]
        for rows in runs(lengths, self.dimension):
            current().check()
            for row, outputs in zip(rows, self._run([cut[row].pieces for row in rows]), strict=True):
                present = np.flatnonzero(outputs >= MIN_VALUE)
                weights = self._weights(outputs[present])
                chosen = heaviest(weights, self._config.max_active)
                components[row], values[row] = present[chosen], weights[chosen]
        indptr = np.cumsum([0, *map(len, components)])
        none = np.zeros(0, np.int64)
        vectors = SparseVectors.trusted(
            indptr, np.concatenate([none, *components]), np.concatenate([none, *values]), self.dimension
        )
        beyond = [0 if empty else one.beyond for empty, one in zip(blank, cut, strict=True)]
        return Encoded(vectors, np.array(beyond, np.int64))

    def _weights(self, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the weights of pooled outputs; a maximum is activated here, which is cheaper: it is monotonic."""
        if self._config.output == "weights" or self._config.pooling == "sum":
            return outputs
        return activated(outputs, self._config.activation)

    def _run(self, texts: list[list[int]]) -> npt.NDArray[np.float32]:
        """Return float32 [texts, dimension]: per component the largest logit of a text's pieces, or the summed
        activations."""
        logits, mask = self._session.run(self._output, texts)
        summed = self._config.activation if self._config.pooling == "sum" else None
        best = _pooled(logits, mask, summed)
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


def activated(logits: npt.NDArray[np.float32], activation: Activation) -> npt.NDArray[np.float32]:
    """Return the activation of logits."""
    weights: npt.NDArray[np.float32] = np.log1p(np.maximum(logits, 0))
    return np.log1p(weights) if activation == "double_log" else weights


def _pooled(logits: Any, mask: npt.NDArray[np.int64], summed: Activation | None) -> npt.NDArray[np.float32] | None:
    """Return the maximum over the pieces of each text, or the sum of their activation; None if the shape does not
    fit."""
    if logits.ndim == 2 and len(logits) == len(mask) and summed is None:
        return np.asarray(logits)
    if logits.ndim != 3 or logits.shape[:2] != mask.shape:
        return None
    parts = [rows[: int(present.sum())] for rows, present in zip(logits, mask, strict=True)]
    if summed is None:
        return np.stack([rows.max(axis=0) for rows in parts])
    return np.stack([activated(rows, summed).sum(axis=0) for rows in parts])
