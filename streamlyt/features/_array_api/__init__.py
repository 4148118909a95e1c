"""Feature maps on any array library."""
