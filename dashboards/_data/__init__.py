"""Data that the panels read from a run."""
