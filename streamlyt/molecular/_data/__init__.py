"""Recorded trajectories with known changes, for the demo and the tests."""
