"""Searches: from a request to hits."""
