"""Base classes of the feature maps."""
