"""Decides what this worker runs, and leads the cluster when elected."""
