"""Serialization of objects of other libraries as text, without executing code from it."""
