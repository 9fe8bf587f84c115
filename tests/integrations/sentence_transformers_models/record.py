"""Record tiny SparseEncoders and their vectors for tests without torch: `python -m ...record`, in this environment."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SparseEncoder
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.integrations.sentence_transformers_models.saving import Size, save_all

WORDS = [f"word{number}" for number in range(24)]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", "document", "a", ":", *WORDS]
TEXTS = [
    "word1 word2 word3",
    "Word4 word4 word4",
    "strange word5, [MASK] word6",
    "[UNK]",
    " ".join(WORDS),
    " ".join(WORDS[::-2] * 2),
]


def record(folder: Path) -> None:
    """Write the folders, and `expected.json`: the vectors of TEXTS as documents and as queries."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({token: number for number, token in enumerate(TOKENS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(TOKENS[:5])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    expected = {}
    for saved in save_all(folder, folder / "tokenizer.json", Size(8, 1, 17)):
        model = SparseEncoder(str(saved), device="cpu")
        for kind, encode in (("documents", model.encode_document), ("queries", model.encode_query)):
            rows = [encode([text], convert_to_sparse_tensor=False).numpy()[0] for text in TEXTS]
            expected[f"{saved.name}/{kind}"] = [np.round(row, 6).tolist() for row in rows]
    shutil.rmtree(folder / "sources")
    (folder / "expected.json").write_text(json.dumps({"texts": TEXTS, **expected}))


if __name__ == "__main__":
    record(Path(sys.argv[1]))
