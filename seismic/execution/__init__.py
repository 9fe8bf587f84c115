"""Running parsed queries over the shards of a view."""
