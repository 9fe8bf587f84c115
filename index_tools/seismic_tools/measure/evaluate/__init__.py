"""Evaluation of a collection with queries and judgements."""
