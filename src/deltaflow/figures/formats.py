"""The formats of figures, known without what draws them."""

FORMATS = ("png", "svg", "pdf")
