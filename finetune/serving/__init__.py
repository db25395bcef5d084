"""A trained model for people to try, and for programs to call."""
