"""What later comparison with live data needs."""
