"""Lightning classes for a stack: its module and data module, loggers, and callbacks that record."""
