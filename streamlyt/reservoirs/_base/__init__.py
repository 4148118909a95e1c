"""The reservoir base class and display layout."""
