"""What a run made, put on the Hub: staged, scanned, sent, verified, tagged."""
