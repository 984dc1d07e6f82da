"""What the terminal shows: a run's table, a ranking, a prediction. Nothing is computed here."""
