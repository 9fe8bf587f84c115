"""What developers of Seismic run."""
