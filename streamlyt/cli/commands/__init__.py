"""Commands, one module per topic."""
