"""Mixtures of experts and their building blocks."""
