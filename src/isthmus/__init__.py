"""Isthmus: distributed Kafka Connect in Python."""

from importlib.metadata import version

__version__ = version("isthmus")

#: The release of Apache Kafka Connect whose behaviour, REST API and formats this worker has.
CONNECT_VERSION = "4.3.1"
