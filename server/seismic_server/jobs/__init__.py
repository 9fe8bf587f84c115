"""Jobs: long operations on collections, in processes of their own."""
