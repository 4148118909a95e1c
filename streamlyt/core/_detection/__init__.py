"""What all detectors share: alarm policy, localization and attribution."""
