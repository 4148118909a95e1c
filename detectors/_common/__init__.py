"""Shared by several detectors: block detector, feature maps, input scaling."""
