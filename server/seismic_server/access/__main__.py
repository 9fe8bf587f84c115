"""`python -m seismic_server.access`, which `seismic keys` becomes."""

from seismic_server.process.program import run

if __name__ == "__main__":
    run("seismic_server.access.commands")
