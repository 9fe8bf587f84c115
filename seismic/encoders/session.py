"""Run ONNX models of word pieces on the calling thread, a bounded number of pieces at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.encoders.pieces import optional_package
from seismic.errors import EncoderError

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Supported model inputs, as named in exports of Hugging Face models."""

RUN_PIECES = 512
"""Word pieces per run, padding included. Bounds the size of the logits: 62 MB with BERT's vocabulary."""

RUN_LOGITS = RUN_PIECES * 32_768
"""Logits per run of several texts, for models with more components than BERT."""


class Session:
    """A model in ONNX. It uses one thread, so that searches keep the other cores; safe to use from many threads."""

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        """`content`: the model, if it is not in the file `path`. Raises EncoderError if it is no such model, or without
        the extra `text`."""
        runtime = optional_package("onnxruntime")
        runtime.disable_telemetry_events()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only, which are raised as well
        try:
            self._session = runtime.InferenceSession(content or str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no narrower common base
            raise EncoderError(f"{path}: cannot be read as an ONNX model: {error}") from None
        self.path = path
        self._inputs = [one.name for one in self._session.get_inputs()]
        if unknown := sorted(set(self._inputs) - set(INPUTS)):
            raise EncoderError(f"{path}: found an input {unknown[0]!r}, expected only {', '.join(INPUTS)}")
        self.outputs: list[str] = [one.name for one in self._session.get_outputs()]

    def run(
        self, output: str, rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> tuple[Any, npt.NDArray[np.int64]]:
        """Return an output for rows of pieces, padded to the longest, and the mask int64 [rows, pieces].

        `types`: the kinds of the pieces; None: all 0. Raises EncoderError if the model fails.
        """
        shape = len(rows), max(map(len, rows))
        feed = {name: np.zeros(shape, np.int64) for name in INPUTS}
        for row, pieces in enumerate(rows):
            feed["input_ids"][row, : len(pieces)] = pieces
            feed["attention_mask"][row, : len(pieces)] = 1
            if types is not None:
                feed["token_type_ids"][row, : len(pieces)] = types[row]
        try:
            (found,) = self._session.run([output], {name: feed[name] for name in self._inputs})
        except Exception as error:
            raise EncoderError(f"{self.path}: cannot encode texts: {error}") from None
        return found, feed["attention_mask"]


def runs(lengths: Sequence[int], dimension: int = 1) -> Iterator[list[int]]:
    """Yield the rows of one run after the other: texts of similar length, without those of length 0.

    `dimension`: logits per piece.
    """
    most = min(RUN_PIECES, RUN_LOGITS // dimension)
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if lengths[row] == 0:
            continue
        if rows and lengths[row] * (len(rows) + 1) > most:  # the longest comes last and sets the padding
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows
