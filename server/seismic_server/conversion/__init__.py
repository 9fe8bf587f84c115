"""Conversion between JSON and the engine's types."""
