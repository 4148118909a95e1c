"""Resuming runs and moving states between workers."""
