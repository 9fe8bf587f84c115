"""A module per library of other people, which the extra of the same name brings."""
