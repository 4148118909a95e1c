"""Mixtures of experts and what they are built from."""
