"""What numbers of several seeds say: intervals, paired tests, effects of axes."""
