"""Compiled loops of the reservoirs."""
