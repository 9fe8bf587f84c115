"""The other server processes of a service, and its supervisor."""
