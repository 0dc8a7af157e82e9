"""What plugin authors import; this package imports nothing else of Isthmus."""
