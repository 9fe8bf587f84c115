"""`python -m seismic_server.process.keys`, which `seismic keys` executes."""

from seismic_server.process.program import run

if __name__ == "__main__":
    run("seismic_server.process.keys.commands")
