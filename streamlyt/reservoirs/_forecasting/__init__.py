"""Closed loops, prediction intervals and online readouts."""
