"""What a trained run leaves: evaluation, summary, verdicts, and the result in Python."""
