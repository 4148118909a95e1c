"""Compiled loops of the simulated device."""
