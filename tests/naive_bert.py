"""A slow, obvious masked language model like BERT: the oracle of encoders."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = Mapping[str, npt.NDArray[Any]]


def naive_splade(weights: Weights, pieces: list[int], heads: int, layers: int) -> npt.NDArray[np.float64]:
    """Return the vector float64 [dimension]: max over the pieces of log(1 + relu(logit))."""
    logits = _logits(weights, pieces, heads, layers)
    return np.log1p(np.maximum(logits, 0)).max(axis=0)


def _logits(weights: Weights, pieces: list[int], heads: int, layers: int) -> npt.NDArray[np.float64]:
    words = weights["bert.embeddings.word_embeddings.weight"]
    values = np.stack(
        [
            words[piece]
            + weights["bert.embeddings.position_embeddings.weight"][place]
            + weights["bert.embeddings.token_type_embeddings.weight"][0]
            for place, piece in enumerate(pieces)
        ]
    )
    values = _normalized(weights, values, "bert.embeddings.LayerNorm")
    for number in range(layers):
        name = f"bert.encoder.layer.{number}"
        query, key, value = (
            _linear(weights, values, f"{name}.attention.self.{part}") for part in ("query", "key", "value")
        )
        size = values.shape[1] // heads
        context = np.zeros_like(values)
        for head in range(heads):
            span = slice(head * size, (head + 1) * size)
            scores = query[:, span] @ key[:, span].T / math.sqrt(size)
            attention = np.exp(scores - scores.max(axis=1, keepdims=True))
            context[:, span] = attention / attention.sum(axis=1, keepdims=True) @ value[:, span]
        values = _normalized(
            weights,
            _linear(weights, context, f"{name}.attention.output.dense") + values,
            f"{name}.attention.output.LayerNorm",
        )
        inner = _gelu(_linear(weights, values, f"{name}.intermediate.dense"))
        values = _normalized(
            weights, _linear(weights, inner, f"{name}.output.dense") + values, f"{name}.output.LayerNorm"
        )
    head_name = "cls.predictions.transform"
    values = _normalized(weights, _gelu(_linear(weights, values, f"{head_name}.dense")), f"{head_name}.LayerNorm")
    logits: npt.NDArray[np.float64] = values @ words.T + weights["cls.predictions.bias"]
    return logits


def _linear(weights: Weights, values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _gelu(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values * 0.5 * (1 + np.vectorize(math.erf)(values / math.sqrt(2)))


def _normalized(weights: Weights, values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    centred = values - values.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.gamma"] + weights[f"{name}.beta"]
