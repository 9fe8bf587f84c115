"""The files of an index: their schemas, their manifest, how they are published and how they are opened."""
