"""Gives the tests beside it a real Kafka and a real worker."""

pytest_plugins = ["isthmus.testing.fixtures"]
