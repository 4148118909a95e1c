"""Averages at many time scales, and their empirical null model."""
