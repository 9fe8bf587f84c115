"""Changes that depend on what is stored: conditions, patches and deletes by filter, and counts of what changed."""
