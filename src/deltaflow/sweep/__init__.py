"""The runs of a multirun: where each goes, whose turn it is, what is kept, the report on all."""
