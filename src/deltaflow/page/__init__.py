"""The page of a report: one HTML file that needs no network."""

from deltaflow.page.html import write_page

__all__ = ["write_page"]
