"""Live pages over HTTP and WebSocket."""
