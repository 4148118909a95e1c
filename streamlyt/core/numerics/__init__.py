"""Numerical helpers, independent of streams."""
