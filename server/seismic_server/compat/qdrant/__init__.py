"""The REST API of Qdrant, for its clients. docs/qdrant.md says what maps to what."""
