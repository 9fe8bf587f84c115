"""Who gets in, and how much they may ask for."""
