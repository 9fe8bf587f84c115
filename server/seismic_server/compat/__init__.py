"""Routers for the clients of other search engines, each below a prefix of its own. All are off by default."""
