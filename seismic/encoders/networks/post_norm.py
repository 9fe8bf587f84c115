"""BERT, DistilBERT and RoBERTa (XLM-R): networks that normalise after each half of a layer.

They differ in the names of their weights, in how positions are numbered and in the presence of token types.
"""

from typing import ClassVar, Literal, NamedTuple

from onnx import TensorProto
from pydantic import BaseModel, Field

from seismic.encoders.config import Activation, Count, Pooling
from seismic.encoders.networks.graph import Graph, head_size
from seismic.encoders.networks.pooling import pooled, without_padding


class Names(NamedTuple):
    """Names of the weights of a family."""

    embeddings: str
    layer: str
    query: str
    key: str
    value: str
    context: str
    context_norm: str
    inner: str
    outer: str
    outer_norm: str
    transform: str
    transform_norm: str
    decoder: str
    biases: tuple[str, str]


BERT = Names(
    embeddings="bert.embeddings",
    layer="bert.encoder.layer",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    context="attention.output.dense",
    context_norm="attention.output.LayerNorm",
    inner="intermediate.dense",
    outer="output.dense",
    outer_norm="output.LayerNorm",
    transform="cls.predictions.transform.dense",
    transform_norm="cls.predictions.transform.LayerNorm",
    decoder="cls.predictions.decoder.weight",
    biases=("cls.predictions.bias", "cls.predictions.decoder.bias"),
)

ROBERTA = BERT._replace(
    embeddings="roberta.embeddings",
    layer="roberta.encoder.layer",
    transform="lm_head.dense",
    transform_norm="lm_head.layer_norm",
    decoder="lm_head.decoder.weight",
    biases=("lm_head.bias", "lm_head.decoder.bias"),
)

DISTILBERT = Names(
    embeddings="distilbert.embeddings",
    layer="distilbert.transformer.layer",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    context="attention.out_lin",
    context_norm="sa_layer_norm",
    inner="ffn.lin1",
    outer="ffn.lin2",
    outer_norm="output_layer_norm",
    transform="vocab_transform",
    transform_norm="vocab_layer_norm",
    decoder="vocab_projector.weight",
    biases=("vocab_projector.bias", "vocab_projector.bias"),
)


class Bert(BaseModel):
    """What config.json says of a BERT, and its graph."""

    names: ClassVar[Names] = BERT
    has_types: ClassVar[bool] = True
    hidden_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    position_embedding_type: Literal["absolute"] = "absolute"

    def model(self, graph: Graph, pooling: Pooling, activation: Activation) -> bytes:
        """Add the network to an empty graph and return the model in ONNX."""
        names, hidden = self.names, self.hidden_size
        present = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
        words = graph.weight(f"{names.embeddings}.word_embeddings.weight", None, hidden)
        embeddings = graph.matrix("words", words)
        values = graph.add("Gather", embeddings, "input_ids")
        values = graph.add("Add", values, self._positions(graph))
        values = graph.normalized(values, f"{names.embeddings}.LayerNorm", hidden, self.layer_norm_eps)
        outside = graph.outside(present)
        for number in range(self.num_hidden_layers):
            values = self._layer(graph, values, outside, f"{names.layer}.{number}.")
        values = graph.linear(values, names.transform, hidden, hidden)
        values = graph.normalized(
            graph.activated(values, self.hidden_act), names.transform_norm, hidden, self.layer_norm_eps
        )
        values = without_padding(graph, values, present)
        decoder = graph.decoder(embeddings, words, names.decoder)
        bias = next((name for name in names.biases if name in graph.weights), names.biases[0])
        output = pooled(graph, values, decoder, graph.weight(bias, len(words)), pooling, activation)
        return graph.model(output, len(words))

    def _positions(self, graph: Graph) -> str:
        """Add the embeddings of positions and of the first token type, the only one in use."""
        name = f"{self.names.embeddings}.position_embeddings.weight"
        table = graph.weight(name, None, self.hidden_size)
        if self.has_types:
            kinds = graph.weight(f"{self.names.embeddings}.token_type_embeddings.weight", None, self.hidden_size)
            table = table + kinds[0]
        return self._placed(graph, graph.matrix("positions", table))

    def _placed(self, graph: Graph, table: str) -> str:
        return graph.add("Slice", table, graph.constant([0]), graph.length(), graph.constant([0]))

    def _layer(self, graph: Graph, values: str, outside: str, layer: str) -> str:
        names, hidden, epsilon = self.names, self.hidden_size, self.layer_norm_eps
        size = head_size(hidden, self.num_attention_heads)
        split = graph.constant([0, 0, -1, size])

        def heads(part: str, perm: list[int]) -> str:
            product = graph.linear(values, layer + part, hidden, hidden)
            return graph.add("Transpose", graph.add("Reshape", product, split), perm=perm)

        apart = [0, 2, 1, 3]
        query, key, value = heads(names.query, apart), heads(names.key, [0, 2, 3, 1]), heads(names.value, apart)
        context = graph.attention(query, key, value, outside, size)
        context = graph.linear(context, layer + names.context, hidden, hidden)
        values = graph.normalized(graph.add("Add", context, values), layer + names.context_norm, hidden, epsilon)
        inner = graph.linear(values, layer + names.inner, None, hidden)
        outer = graph.linear(graph.activated(inner, self.hidden_act), layer + names.outer, hidden, None)
        return graph.normalized(graph.add("Add", outer, values), layer + names.outer_norm, hidden, epsilon)


class DistilBert(Bert):
    """What config.json says of a DistilBERT."""

    names: ClassVar[Names] = DISTILBERT
    has_types: ClassVar[bool] = False
    hidden_size: Count = Field(validation_alias="dim")
    num_hidden_layers: Count = Field(validation_alias="n_layers")
    num_attention_heads: Count = Field(validation_alias="n_heads")
    hidden_act: str = Field("gelu", validation_alias="activation")


class Roberta(Bert):
    """What config.json says of a RoBERTa. Positions are numbered from `pad_token_id` + 1, without padding pieces."""

    names: ClassVar[Names] = ROBERTA
    pad_token_id: int = 1

    def _placed(self, graph: Graph, table: str) -> str:
        padding = graph.constant(self.pad_token_id)
        words = graph.add("Not", graph.add("Equal", "input_ids", padding))
        counted = graph.add("Mul", graph.add("Cast", words, to=TensorProto.INT64), "attention_mask")
        places = graph.add("Mul", graph.add("CumSum", counted, graph.constant(1)), counted)
        return graph.add("Gather", table, graph.add("Add", places, padding))
