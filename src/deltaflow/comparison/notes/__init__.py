"""The sentences of a report: its headline, what was compared, and warnings for the reader."""
