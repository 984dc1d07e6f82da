"""Shows runs, rankings and predictions in the terminal. Nothing is computed here."""
