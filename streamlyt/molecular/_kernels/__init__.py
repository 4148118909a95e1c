"""Compiled loops over coordinates."""
