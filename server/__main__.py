"""`python -m server`, which `seismic serve` becomes."""

from server.program import run

if __name__ == "__main__":
    run("server.command")
