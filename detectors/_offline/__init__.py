"""Offline tests for one change in a recording."""
