"""Comparison with other engines."""
