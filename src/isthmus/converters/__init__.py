"""Converters that come with Connect, one file each."""
