"""Exports: files that are made from a session alone, byte for byte the same each time."""
