"""Filters on the columns of documents: a language, its evaluation into bitmaps, and what is kept of them."""
