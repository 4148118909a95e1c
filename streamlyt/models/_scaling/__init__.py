"""Input scaling by quantiles of recent rows."""
