"""Faces for other libraries: what is ours, in their words. Each room needs its library only."""
