"""Measurements of speed, size and effectiveness."""
