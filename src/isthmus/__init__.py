"""Isthmus: distributed Kafka Connect in Python."""

__version__ = "0.1.0"

#: The release of Apache Kafka Connect whose behaviour, REST API and formats this worker has.
CONNECT_VERSION = "4.3.1"
