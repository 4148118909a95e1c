"""What several detectors share: blocks, feature maps, input scaling."""
