"""Measuring recall."""
