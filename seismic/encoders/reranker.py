"""Score pairs of a query and a text with a cross-encoder in ONNX."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.conversion.numbers import as_path
from seismic.encoders.encoded import as_texts
from seismic.encoders.pieces import checked_text, optional_package
from seismic.encoders.session import Session, runs
from seismic.errors import EncoderError
from seismic.stop import current

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
MODELS = ("model.onnx", "onnx/model.onnx")
"""Where the model may lie in its folder, as authors publish it."""

USUAL_LENGTH = 512
"""Word pieces of a pair where the folder does not say how many the model takes."""

LONGEST = 8192
"""Lengths above stand for no limit in tokenizer_config.json."""


class Reranker:
    """A cross-encoder: reads a query and a text together, and says how well the text answers the query.

    Pairs that are too long for the model lose the end of their longer side. Runs on the calling thread only; safe to
    use from many threads.
    """

    def __init__(self, folder: Path) -> None:
        """Load `tokenizer.json` and `model.onnx` of a folder. Raises EncoderError if they cannot run here."""
        model = next((folder / name for name in MODELS if (folder / name).is_file()), None)
        if model is None or not (folder / TOKENIZER).is_file():
            missing = TOKENIZER if model else f"{MODELS[0]}, nor {MODELS[1]}"
            raise EncoderError(f"{folder}: found no {missing}; expected the folder of a cross-encoder in ONNX")
        tokenizers = optional_package("tokenizers")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # tokenizers raises plain Exception
            raise EncoderError(f"{folder / TOKENIZER}: cannot be read as a tokenizer: {error}") from None
        self.name, self.max_length = folder.name, _max_length(folder / CONFIG)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_length, strategy="longest_first")
        self._session = Session(model)
        self._output = _output(model, self._session.outputs)
        try:
            self._run([[0] * self.max_length], [[0] * self.max_length])
        except EncoderError as error:
            raise EncoderError(
                f"{folder}: fails on {self.max_length} word pieces; write the model's limit as model_max_length into "
                f"{CONFIG} ({error})"
            ) from None

    def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the score of each text for a query, float32 [n]: higher is better, on the model's own scale.

        Raises InputError for anything other than text, EncoderError if the model fails, and DeadlineError or
        StoppedError between two runs of it.
        """
        pairs = []
        for text in as_texts(texts):
            current().check()
            pairs.append(self._tokenizer.encode(checked_text(query), checked_text(text)))
        scores = np.zeros(len(pairs), np.float32)
        for rows in runs([len(pair.ids) for pair in pairs]):
            current().check()
            scores[rows] = self._run([pairs[row].ids for row in rows], [pairs[row].type_ids for row in rows])
        return scores

    def _run(self, pieces: list[list[int]], types: list[list[int]]) -> npt.NDArray[np.float32]:
        found, mask = self._session.run(self._output, pieces, types)
        scores = np.asarray(found)
        if scores.dtype != np.float32 or scores.shape not in ((len(mask),), (len(mask), 1)):
            raise EncoderError(
                f"{self._session.path}: found an output of {scores.dtype} {list(scores.shape)} for {len(mask)} pairs, "
                "expected one float32 per pair: a model with a single label"
            )
        if not np.isfinite(scores).all():
            raise EncoderError(f"{self._session.path}: found a score that is infinite or NaN, expected finite numbers")
        return scores.reshape(len(mask))


def load_reranker(folder: str | Path) -> Reranker:
    """Load a cross-encoder from a folder with `tokenizer.json` and `model.onnx`; needs the extra `text`.

    The model takes `input_ids`, and if it likes `attention_mask` and `token_type_ids`, of a query and a text, and
    answers one number per pair, as exports of Hugging Face's models for sequence classification do. The number of word
    pieces is `model_max_length` in `tokenizer_config.json`, or 512. Raises EncoderError.
    """
    return Reranker(as_path(folder).absolute())


def _output(path: Path, outputs: list[str]) -> str:
    """Return the name of the output to use."""
    if "logits" in outputs:
        return "logits"
    if len(outputs) != 1:
        raise EncoderError(f"{path}: found outputs {', '.join(outputs)}, expected one, or one named 'logits'")
    return outputs[0]


def _max_length(path: Path) -> int:
    if not path.exists():
        return USUAL_LENGTH
    try:
        length: Any = json.loads(path.read_text(encoding="utf-8")).get("model_max_length", USUAL_LENGTH)
    except (OSError, ValueError, AttributeError) as error:
        raise EncoderError(f"{path}: cannot be read as a JSON object: {error}") from None
    if isinstance(length, bool) or not isinstance(length, int | float) or length < 4:
        raise EncoderError(f"{path}: model_max_length: found {length!r}, expected a number of word pieces")
    return int(length) if length <= LONGEST else USUAL_LENGTH
