"""Measure recall."""
