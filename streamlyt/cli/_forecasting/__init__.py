"""What the forecast commands need."""
