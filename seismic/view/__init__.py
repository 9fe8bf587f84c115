"""What searches see: one generation and the changes since."""
