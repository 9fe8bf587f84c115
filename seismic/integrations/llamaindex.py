"""LlamaIndex: a retriever."""

from pathlib import Path

from seismic.extras import hinted
from seismic.filters.language import FilterLike
from seismic.index import Index
from seismic.integrations.encoding import EncoderLike
from seismic.integrations.texts import TextCollection

with hinted():
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode


class SeismicRetriever(BaseRetriever):
    """Retrieve the best documents of a collection as nodes with scores, which are inner products.

    `collection`: an index or a folder. `encoder`: another library's encoder of queries, see `SeismicVectorStore`; None
    is that of the collection. `filter`: see docs/filters.md. `recall`: None is exact. `text_column`, `metadata_column`:
    where the collection has texts and the JSON of metadata; without the latter, the other columns are the metadata.
    Raises ParameterError, InputError or StorageError.
    """

    def __init__(
        self,
        collection: Index | str | Path,
        similarity_top_k: int = 10,
        *,
        encoder: EncoderLike | None = None,
        filter: FilterLike | None = None,
        score_threshold: float | None = None,
        recall: float | None = None,
        text_column: str = "text",
        metadata_column: str = "metadata",
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self.similarity_top_k, self.filter = similarity_top_k, filter
        self.score_threshold, self.recall = score_threshold, recall
        self._texts = TextCollection(collection, encoder, text=text_column, metadata=metadata_column)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = " ".join(query_bundle.embedding_strs)
        found = self._texts.search(
            query, self.similarity_top_k, self.filter, recall=self.recall, score_threshold=self.score_threshold
        )
        return [
            NodeWithScore(node=TextNode(id_=one.id, text=one.text, metadata=one.metadata), score=one.score)
            for one in found
        ]
