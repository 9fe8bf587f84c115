"""A load test of a service that runs: `python -m index_tools.load`."""
