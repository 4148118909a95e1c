"""Null models of the detection statistics: moments, run lengths, thresholds."""
