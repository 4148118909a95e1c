"""HTML around the plots."""
