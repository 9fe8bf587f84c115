"""Haystack's own tests of document stores, the extended ones included."""

from pathlib import Path

import pytest
from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.testing.document_store import DocumentStoreBaseExtendedTests

from seismic.integrations.haystack import SeismicDocumentStore


class TestDocumentStore(DocumentStoreBaseExtendedTests):
    @pytest.fixture
    def document_store(self, tmp_path: Path) -> SeismicDocumentStore:
        return SeismicDocumentStore(tmp_path / "store")

    def test_write_documents(self, document_store: SeismicDocumentStore) -> None:
        """To be overridden: what a store does with known ids if no policy is given."""
        document = Document(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([document])
