"""What the event-time windows share."""
