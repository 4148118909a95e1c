"""What the fit command needs."""
