"""What is drawn of a configuration, and how it is read from the tables of its runs."""
