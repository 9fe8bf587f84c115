"""Load test of a running service: `python -m seismic_tools.measure.load`."""
