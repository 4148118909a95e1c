"""Bokeh figures and their parts: the only place of Bokeh."""
