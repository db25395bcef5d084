"""Word lists that several stages share."""
