"""`python -m server.access`, which `seismic keys` becomes."""

from server.program import run

if __name__ == "__main__":
    run("server.access.commands")
