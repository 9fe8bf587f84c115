"""The served collections, their changes and their refresh."""
