"""Compiled loops of the online models."""
