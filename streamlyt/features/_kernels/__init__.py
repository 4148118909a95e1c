"""Compiled loops of the feature maps."""
