"""The file formats of figures; this module does not import matplotlib."""

FORMATS = ("png", "svg", "pdf")
