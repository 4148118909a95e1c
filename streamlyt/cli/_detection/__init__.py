"""What the detection commands need."""
