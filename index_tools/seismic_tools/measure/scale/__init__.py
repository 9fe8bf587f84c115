"""Costs by size of a collection."""
