"""The demo of a published model, as a Space."""
