"""A link as a QR code (ISO/IEC 18004), for a screen or a terminal; must never be kept: the link is the key."""

import io

import segno


def as_svg(link: str) -> str:
    """For a kiosk or a head unit; dark on light, with the quiet zone that scanners need."""
    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(out, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return out.getvalue().decode()


def as_text(link: str) -> str:
    """For a terminal, two rows of modules in a line."""
    out = io.StringIO()
    segno.make(link, error="m", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()
