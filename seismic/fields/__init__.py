"""Named sparse vectors of a collection: its fields.

A collection with one field is a plain collection with a name. With several, its vocabulary joins those of the fields.
"""
