"""Base class of the reservoirs, and the layout of optical displays."""
