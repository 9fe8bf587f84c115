"""Benchmark against other engines."""
