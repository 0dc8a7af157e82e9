"""Membership of the Connect group: wire bytes, assignment, and the member that joins."""
