"""Objects of other libraries as text, without running code from it."""
