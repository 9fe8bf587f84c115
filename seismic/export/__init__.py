"""Take a collection out again: its ids, vectors and payload as tables, Parquet or JSON lines."""
