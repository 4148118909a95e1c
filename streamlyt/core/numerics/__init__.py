"""Numerical helpers that know nothing of streams."""
