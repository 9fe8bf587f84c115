"""Between JSON and the engine."""
