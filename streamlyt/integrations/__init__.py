"""Integrations with other libraries. Each subpackage needs only its own library."""
