"""Tools for developers of Seismic."""
