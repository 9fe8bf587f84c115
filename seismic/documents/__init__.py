"""Documents: ids and payloads."""
