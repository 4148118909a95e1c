"""What the dashboard commands need."""
