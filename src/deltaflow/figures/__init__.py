"""Pictures by matplotlib: of a run, a sweep, the phase diagram. Nothing is computed here."""
