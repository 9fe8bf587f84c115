"""Access control: keys, rate limits, admission."""
