"""Memory: what is left of it, and the budget of all requests."""
