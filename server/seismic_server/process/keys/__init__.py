"""The program `seismic keys`."""
