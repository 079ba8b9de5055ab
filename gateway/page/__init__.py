"""The guest's page: what is agreed, on a phone, without an app; must never be loaded where no page is set."""

from gateway.page.access import Access
from gateway.page.manners import HEADERS, careful
from gateway.page.qr import as_svg, as_text
from gateway.page.server import Page

__all__ = ["HEADERS", "Access", "Page", "as_svg", "as_text", "careful"]
