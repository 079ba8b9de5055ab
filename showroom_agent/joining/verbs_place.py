"""`forecourt site place|put|remove`; must never contain logic."""

import asyncio
from pathlib import Path

import click

FOLDER = click.Path(file_okay=False, path_type=Path)
KINDS = ("hub", "car", "zone", "blocked", "wall", "exit", "landmark")
PLACING = """\b
  forecourt site place --site SITE                              a page: draw on a picture of the floor
  forecourt site place --site SITE --listen 0.0.0.0 --host showroom.local    for a tablet in the hall
\b
Or without a page, X,Y in metres, x to the right and y up from the lower left corner:
  forecourt site put --site SITE hub hub-07 4,11 --height 2.8
  forecourt site put --site SITE car car-3 12.5,8 --heading 90 --tag car-3
  forecourt site put --site SITE zone lounge 0,0 6,4            opposite corners of a rectangle
  forecourt site put --site SITE wall north 0,15 20,15
  forecourt site remove --site SITE hub hub-07
"""
SITE = click.option("--site", "folder", type=FOLDER, default=".", show_default=True, help="Folder of the site.")


@click.command(epilog=PLACING)
@SITE
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port; default: any free one.")
@click.option("--host", default="", help="Name of this machine in the link, where others open it.")
def place(folder: Path, listen: str, port: int, host: str) -> None:
    """Serve a page on which hubs, zones and cars are placed on a picture of the floor, until told to end."""
    asyncio.run(_serve(folder, listen, port, host))


async def _serve(folder: Path, listen: str, port: int, host: str) -> None:
    from gateway.clock import SystemClock
    from gateway.page import as_text
    from gateway.tasks import until_signal
    from showroom_agent.joining.place_page import PlacePage

    clock = await asyncio.to_thread(SystemClock)
    async with until_signal() as group, PlacePage(folder, clock, listen, port, host or "localhost") as page:
        link = page.link(host)
        if host:
            click.echo(as_text(link), err=True)
        click.echo(link)
        group.create_task(page.run(), name="page")
        await asyncio.get_running_loop().create_future()


@click.command(epilog=PLACING)
@SITE
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("ident", metavar="ID")
@click.argument("corners", nargs=-1, required=True, metavar="X,Y...")
@click.option("--height", "z_m", type=float, metavar="M", help="Of a hub above the floor.")
@click.option("--heading", "heading_deg", type=float, metavar="DEGREES", help="Of a car, anticlockwise from the right.")
@click.option("--length", "length_m", type=float, metavar="M", help="Of a car.")
@click.option("--width", "width_m", type=float, metavar="M", help="Of a car.")
@click.option("--tag", metavar="ID", help="The tag in a car.")
@click.option("--name", metavar="TEXT", help="What people call it.")
@click.option("--use", metavar="WORD", help="Of a zone: parking, entrance, car, area.")
@click.option("--size", metavar="W,H", help="Of the whole plan in metres, where it is new or has grown.")
def put(
    folder: Path,
    kind: str,
    ident: str,
    corners: tuple[str, ...],
    z_m: float | None,
    heading_deg: float | None,
    length_m: float | None,
    width_m: float | None,
    tag: str | None,
    name: str | None,
    use: str | None,
    size: str | None,
) -> None:
    """Place something in SITE/site.geojson, or place it anew; the plan is written only when it is good."""
    from showroom_agent.joining import drawing

    path = folder / "site.geojson"
    document, version = drawing.load_drawing(path)
    if size is not None:
        width, height = drawing.parse_corners([size])[0]
        document = {**document, "properties": {**document.get("properties", {}), "extent_m": [0, 0, width, height]}}
    document = drawing.put(
        document,
        kind,
        ident,
        drawing.parse_corners(corners),
        z_m=z_m,
        heading_deg=heading_deg,
        length_m=length_m,
        width_m=width_m,
        tag=tag,
        name=name,
        use=use,
    )
    drawing.save(path, document, version)
    click.echo(f"{kind} {ident}: {path}", err=True)


@click.command(epilog=PLACING)
@SITE
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("ident", metavar="ID")
def remove(folder: Path, kind: str, ident: str) -> None:
    """Take something out of SITE/site.geojson."""
    from showroom_agent.joining import drawing

    path = folder / "site.geojson"
    document, version = drawing.load_drawing(path)
    drawing.save(path, drawing.remove(document, kind, ident), version)
    click.echo(f"{kind} {ident} removed: {path}", err=True)
