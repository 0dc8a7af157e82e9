"""Runs connectors and tasks in child processes; knows nothing of groups or REST."""
