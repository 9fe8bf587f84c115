"""A tour of the project on a grown SciFact: build, compare, serve, search. `make demo` runs it."""
