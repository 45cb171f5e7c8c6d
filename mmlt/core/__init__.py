"""The methods, in plain torch."""
