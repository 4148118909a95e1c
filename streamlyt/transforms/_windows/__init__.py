"""Shared implementation of the windows."""
