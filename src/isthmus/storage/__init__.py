"""The three internal topics as stores: config, offsets, status."""
