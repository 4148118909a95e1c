"""What the panels read of a run."""
