"""Further training rows."""
