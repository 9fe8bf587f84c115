"""What users gave with their vectors: ids and payloads."""
