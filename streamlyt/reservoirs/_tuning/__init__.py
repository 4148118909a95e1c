"""Parameter search for forecasters."""
