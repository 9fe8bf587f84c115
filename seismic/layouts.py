"""What an index is made of."""
