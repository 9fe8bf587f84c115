"""The server process and the commands that start it."""
