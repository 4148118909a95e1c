"""Compiled integrators."""
