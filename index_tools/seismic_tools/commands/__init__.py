"""The verbs of the `seismic` command, a module each."""
