"""The runs of a multirun: where each goes, which process trains it, and the report on all."""
