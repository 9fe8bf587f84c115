"""Save small random SparseEncoders of every network, by sentence-transformers itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sparse_encoder.modules import MLMTransformer, SparseStaticEmbedding, SpladePooling
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

PROMPTS = {"query": "query: ", "document": "a document: "}


class Size(NamedTuple):
    """Dimensions of a network. Its maximum number of pieces is odd, so that a wrong one shows."""

    hidden: int
    layers: int
    pieces: int


def networks(size: Size, vocabulary: int) -> Iterator[tuple[str, Any]]:
    """Yield the name of every network and a random model of it, with large weights: half of the logits are positive."""
    hidden, layers, pieces = size
    common = {"vocab_size": vocabulary, "pad_token_id": 0, "initializer_range": 0.3}
    shape = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 3 * hidden,
    }
    bert = BertConfig(**common, **shape, max_position_embeddings=pieces)
    distil = DistilBertConfig(
        **common, dim=hidden, n_layers=layers, n_heads=2, hidden_dim=3 * hidden, max_position_embeddings=pieces
    )
    roberta = XLMRobertaConfig(**common, **shape, max_position_embeddings=pieces + 1, type_vocab_size=1)
    modern = ModernBertConfig(
        **common, **{**shape, "num_hidden_layers": layers + 2}, max_position_embeddings=pieces, local_attention=8
    )
    yield "bert", BertForMaskedLM(bert)
    yield "distilbert", DistilBertForMaskedLM(distil)
    yield "xlm-roberta", XLMRobertaForMaskedLM(roberta)
    yield "modernbert", ModernBertForMaskedLM(modern)


def save_all(folder: Path, tokenizer_file: Path, size: Size, seed: int = 0) -> list[Path]:
    """Save each network alone (`max`) and behind a router (`sum`, log1p_relu, prompts); return the folders."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file),
        model_max_length=size.pieces,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")},
    )
    torch.manual_seed(seed)
    saved = []
    for name, network in networks(size, len(tokenizer)):
        for parameter in network.parameters():  # those that start as zeros or ones too
            parameter.data += 0.1 * torch.randn_like(parameter)
        source = folder / "sources" / name
        network.save_pretrained(source)
        tokenizer.save_pretrained(source)
        alone = SparseEncoder(modules=[Transformer(str(source), transformer_task="fill-mask"), SpladePooling("max")])
        static = SparseStaticEmbedding(tokenizer, torch.rand(len(tokenizer)))
        document = [MLMTransformer(str(source)), SpladePooling("sum", "log1p_relu")]
        router = Router.for_query_document([static], document)
        for model, kind in ((alone, "alone"), (SparseEncoder(modules=[router], prompts=PROMPTS), "router")):
            model.save_pretrained(str(folder / f"{name}-{kind}"), create_model_card=False)
            saved.append(folder / f"{name}-{kind}")
    return saved
