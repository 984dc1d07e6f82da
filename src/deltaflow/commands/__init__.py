"""The commands: from what was typed to a call, and from its end to an exit status."""
