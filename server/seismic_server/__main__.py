"""`python -m seismic_server`, which `seismic serve` executes."""

from seismic_server.process.program import run

if __name__ == "__main__":
    run("seismic_server.process.serve")
