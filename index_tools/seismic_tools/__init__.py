"""The `seismic` command: reading, building, searching and measuring from the shell."""
