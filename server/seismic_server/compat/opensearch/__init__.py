"""The REST API of OpenSearch, as far as sparse retrieval by opensearch-py needs it; docs/opensearch.md has the map.

A thin translation onto the service's own collections, searches and changes. Elasticsearch's client is left out on
purpose: it refuses every server that does not call itself Elasticsearch.
"""
