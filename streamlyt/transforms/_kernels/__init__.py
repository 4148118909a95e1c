"""Compiled loops of the windows."""
