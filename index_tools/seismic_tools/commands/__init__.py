"""The verbs of the `seismic` command, one module per verb."""
