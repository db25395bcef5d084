"""What goes up of a finished run, and in what order."""
