"""Read the documents of a running service of another engine: Qdrant, OpenSearch, Elasticsearch."""

from seismic_tools.readers.services.address import Access, access_from_environment, is_url, parse_address
from seismic_tools.readers.services.documents import SERVICES, Wanted, read_service

__all__ = ["SERVICES", "Access", "Wanted", "access_from_environment", "is_url", "parse_address", "read_service"]
