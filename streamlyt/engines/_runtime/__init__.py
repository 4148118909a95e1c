"""Parts of a running engine."""
