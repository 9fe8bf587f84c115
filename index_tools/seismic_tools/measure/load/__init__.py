"""A load test of a service that runs: `python -m seismic_tools.measure.load`."""
