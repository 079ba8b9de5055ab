"""Opens what guests and apps talk to: the door and the page; must never load the page where none is set."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from gateway.door import Door, Verb
from gateway.errors import ConfigError, InputError
from gateway.guest import GuestDesk
from gateway.guest.verbs import desk_verbs
from gateway.runtime.options import AgentOptions

if TYPE_CHECKING:
    from gateway.flow.profile_sync import ProfileSync


async def serve(
    desk: GuestDesk,
    options: AgentOptions,
    online: Callable[[], bool],
    profiles: "ProfileSync | None" = None,
    more: Mapping[str, Verb] | None = None,
) -> None:
    """Serves door and page as the options say, until it is cancelled; raises ConfigError where one cannot be had.

    `more`: what apps may ask for at the door beside the visit and its profile.
    """
    verbs = desk_verbs(desk) | dict(more or {})
    if profiles is not None:
        from gateway.guest.profile_verbs import profile_verbs

        verbs |= profile_verbs(profiles)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        if options.page_port is not None:
            try:
                from gateway.page import Page, as_svg, as_text
            except ModuleNotFoundError as error:
                raise ConfigError("the page needs more packages: install forecourt[page]") from error
            page = await stack.enter_async_context(
                Page(desk, options.page_host, options.page_port, name=options.page_name, online=online)
            )
            group.create_task(page.run(), name="page")

            async def link(args: Mapping[str, Any]) -> Any:
                """The link of the visit, with its code for a terminal and for a screen."""
                if args:
                    raise InputError("link takes no arguments")
                found = page.link()
                return {"link": found, "text": as_text(found), "svg": as_svg(found)}

            verbs["link"] = link
        if options.door is not None:
            door = await stack.enter_async_context(Door(options.door, verbs, options.door_users))
            group.create_task(door.run(), name="door")
