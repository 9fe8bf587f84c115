"""The collections that are served."""
