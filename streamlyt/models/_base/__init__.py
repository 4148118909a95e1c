"""Base classes of the online models."""
