"""The page of a report: one file, with all that it needs, for a browser without a network."""

from deltaflow.page.html import write_page

__all__ = ["write_page"]
