"""ModernBERT: rotary positions, gated layers that normalise first, and windows of attention."""

from typing import Literal

import numpy as np
from onnx import TensorProto
from pydantic import BaseModel

from seismic.encoders.config import Activation, Count, Pooling
from seismic.encoders.networks.graph import NOTHING_LEFT, Graph, head_size
from seismic.encoders.networks.pooling import pooled, without_padding
from seismic.errors import EncoderError

LayerType = Literal["full_attention", "sliding_attention"]


class Rope(BaseModel):
    """Rotary positions of one type of layer."""

    rope_theta: float | None = None
    rope_type: Literal["default"] = "default"


class ModernBert(BaseModel):
    """What config.json says of a ModernBERT, and its graph. Older files name the types of layers by a period."""

    hidden_size: Count
    intermediate_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    hidden_activation: str = "gelu"
    classifier_activation: str = "gelu"
    norm_eps: float = 1e-5
    local_attention: Count = 128
    layer_types: list[LayerType] | None = None
    global_attn_every_n_layers: Count = 3
    rope_parameters: dict[LayerType, Rope] = {}
    global_rope_theta: float = 160_000.0
    local_rope_theta: float | None = 10_000.0
    rope_scaling: None = None

    def model(self, graph: Graph, pooling: Pooling, activation: Activation) -> bytes:
        """Add the network to an empty graph and return the model in ONNX."""
        hidden = self.hidden_size
        present = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
        words = graph.weight("model.embeddings.tok_embeddings.weight", None, hidden)
        embeddings = graph.matrix("words", words)
        values = self._normalized(graph, graph.add("Gather", embeddings, "input_ids"), "model.embeddings.norm")
        outside = graph.outside(present)
        seen: dict[LayerType, str] = {"full_attention": outside, "sliding_attention": self._window(graph, outside)}
        turns = {kind: self._rotation(graph, kind) for kind in seen}
        for number, kind in enumerate(self._kinds()):
            values = self._layer(graph, values, number, seen[kind], turns[kind])
        values = graph.linear(self._normalized(graph, values, "model.final_norm"), "head.dense", hidden, hidden)
        values = self._normalized(graph, graph.activated(values, self.classifier_activation), "head.norm")
        values = without_padding(graph, values, present)
        decoder = graph.decoder(embeddings, words, "decoder.weight")
        has_bias = "decoder.bias" in graph.weights
        bias = graph.weight("decoder.bias", len(words)) if has_bias else np.zeros(len(words), np.float32)
        return graph.model(pooled(graph, values, decoder, bias, pooling, activation), len(words))

    def _kinds(self) -> list[LayerType]:
        if self.layer_types is None:
            period, numbers = self.global_attn_every_n_layers, range(self.num_hidden_layers)
            return ["sliding_attention" if number % period else "full_attention" for number in numbers]
        if len(self.layer_types) != self.num_hidden_layers:
            raise EncoderError(
                f"config.json: layer_types: found {len(self.layer_types)} types, expected {self.num_hidden_layers}, "
                "one per layer"
            )
        return self.layer_types

    def _layer(self, graph: Graph, values: str, number: int, outside: str, turn: tuple[str, str]) -> str:
        name, hidden, inner = f"model.layers.{number}", self.hidden_size, self.intermediate_size
        size = head_size(hidden, self.num_attention_heads)
        seen = values if number == 0 else self._normalized(graph, values, f"{name}.attn_norm")

        def heads(third: int) -> str:
            part = slice(third * hidden, (third + 1) * hidden)
            product = graph.linear(seen, f"{name}.attn.Wqkv", 3 * hidden, hidden, part)
            apart = graph.add("Reshape", product, graph.constant([0, 0, -1, size]))
            return graph.add("Transpose", apart, perm=[0, 2, 1, 3])

        query, key = (self._turned(graph, heads(third), turn, size) for third in range(2))
        context = graph.attention(query, graph.add("Transpose", key, perm=[0, 1, 3, 2]), heads(2), outside, size)
        values = graph.add("Add", values, graph.linear(context, f"{name}.attn.Wo", hidden, hidden))
        seen = self._normalized(graph, values, f"{name}.mlp_norm")
        gated, gate = (
            graph.linear(seen, f"{name}.mlp.Wi", 2 * inner, hidden, slice(half * inner, (half + 1) * inner))
            for half in range(2)
        )
        product = graph.add("Mul", graph.activated(gated, self.hidden_activation), gate)
        return graph.add("Add", values, graph.linear(product, f"{name}.mlp.Wo", hidden, inner))

    def _normalized(self, graph: Graph, values: str, name: str) -> str:
        return graph.normalized(values, name, self.hidden_size, self.norm_eps)

    def _window(self, graph: Graph, outside: str) -> str:
        """Return what keeps a piece from seeing padding, and pieces outside its window on either side."""
        places = self._places(graph)
        distances = graph.add("Abs", graph.add("Sub", places, graph.add("Transpose", places, perm=[1, 0])))
        near = graph.add("LessOrEqual", distances, graph.constant(self.local_attention // 2, np.float32))
        far = graph.add("Where", near, graph.constant(0, np.float32), graph.constant(NOTHING_LEFT, np.float32))
        return graph.add("Add", outside, far)

    def _rotation(self, graph: Graph, kind: LayerType) -> tuple[str, str]:
        """Return cosine and sine of every position's angles, [pieces, size of a head]."""
        full = kind == "full_attention"
        given = self.rope_parameters.get(kind, Rope()).rope_theta
        local = self.global_rope_theta if self.local_rope_theta is None else self.local_rope_theta
        theta = given or (self.global_rope_theta if full else local)
        size = head_size(self.hidden_size, self.num_attention_heads)
        frequencies = 1.0 / theta ** (np.arange(0, size, 2, dtype=np.float32) / size)
        angles = graph.add("Mul", self._places(graph), graph.constant(np.tile(frequencies, 2), np.float32))
        return graph.add("Cos", angles), graph.add("Sin", angles)

    def _places(self, graph: Graph) -> str:
        """Return the positions, float32 [pieces, 1]."""
        length = graph.add("Squeeze", graph.length(), graph.constant([0]))
        places = graph.add("Range", graph.constant(0), length, graph.constant(1))
        return graph.add("Unsqueeze", graph.add("Cast", places, to=TensorProto.FLOAT), graph.constant([1]))

    def _turned(self, graph: Graph, values: str, turn: tuple[str, str], size: int) -> str:
        """Rotate values [texts, heads, pieces, size] by their positions."""
        cosine, sine = turn
        middle, end, axis = graph.constant([size // 2]), graph.constant([size]), graph.constant([3])
        first = graph.add("Slice", values, graph.constant([0]), middle, axis)
        second = graph.add("Slice", values, middle, end, axis)
        swapped = graph.add("Concat", graph.add("Neg", second), first, axis=-1)
        return graph.add("Add", graph.add("Mul", values, cosine), graph.add("Mul", swapped, sine))
