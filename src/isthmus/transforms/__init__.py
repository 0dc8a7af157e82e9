"""Transformations and predicates that come with Connect, one file each."""
