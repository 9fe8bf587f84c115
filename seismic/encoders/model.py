"""Encode with a SPLADE-style masked language model in ONNX."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.encoders.encoded import Encoded
from seismic.encoders.pieces import Pieces, blank_rows, optional_package
from seismic.errors import EncoderError
from seismic.stop import current
from seismic.vectors import MIN_VALUE, SparseVectors

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Supported model inputs, as named in exports of Hugging Face models."""

WEIGHTS = ("sentence_embedding", "weights")
"""Names of outputs that are finished weights."""

Activation: TypeAlias = Literal["log1p", "double_log"]

RUN_PIECES = 512
"""Word pieces per run, padding included. Bounds the size of the logits: 62 MB with BERT's vocabulary."""


class MaskedLanguageModel:
    """Computes, for every component, the maximum over a text's word pieces of log(1 + relu(logit)).

    This is SPLADE-max (Formal et al., "SPLADE v2", 2021). The model's output `logits` is float32
    [texts, pieces, dimension], or [texts, dimension] if the model takes the maximum. Runs on the calling thread only,
    so that searches keep the other cores; call it from several threads for throughput.
    """

    def __init__(self, path: Path, pieces: Pieces, activation: Activation | None = "log1p") -> None:
        """`activation` None: the output is finished weights."""
        runtime = optional_package("onnxruntime")
        runtime.disable_telemetry_events()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only, which are raised as well
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no narrower common base
            raise EncoderError(f"{path}: cannot be read as an ONNX model: {error}") from None
        self._path, self._pieces = path, pieces
        self._inputs = [one.name for one in self._session.get_inputs()]
        if unknown := sorted(set(self._inputs) - set(INPUTS)):
            raise EncoderError(f"{path}: found an input {unknown[0]!r}, expected only {', '.join(INPUTS)}")
        self._activation = activation
        self._output = _output(path, [one.name for one in self._session.get_outputs()], activation is None)
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
        for rows in _runs([0 if empty else len(one.pieces) for empty, one in zip(blank, cut, strict=True)]):
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
        shape = len(texts), max(map(len, texts))
        feed = {name: np.zeros(shape, np.int64) for name in INPUTS}
        for row, pieces in enumerate(texts):
            feed["input_ids"][row, : len(pieces)] = pieces
            feed["attention_mask"][row, : len(pieces)] = 1
        try:
            (logits,) = self._session.run([self._output], {name: feed[name] for name in self._inputs})
        except Exception as error:
            raise EncoderError(f"{self._path}: cannot encode texts: {error}") from None
        best = _pooled(logits, feed["attention_mask"])
        if best is None or best.dtype != np.float32:
            found = f"{logits.dtype} {list(logits.shape)}"
            raise EncoderError(
                f"{self._path}: found an output of {found} for {shape[0]} texts of {shape[1]} pieces, expected float32 "
                "logits of every component, for every piece or the largest of them"
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


def _runs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows of one run after the other: texts of similar length, without those of length 0."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if lengths[row] == 0:
            continue
        if rows and lengths[row] * (len(rows) + 1) > RUN_PIECES:  # the longest comes last and sets the padding
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows
