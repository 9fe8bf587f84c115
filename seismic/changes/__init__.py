"""Documents in and out of a published collection, until they are compacted into a generation."""
