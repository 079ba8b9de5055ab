"""A head unit's sign-in (RFC 8628), for a desk: it shows a code that is typed elsewhere; must never ask too often."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from gateway.errors import ConfigError, InputError, LinkError
from simulators.openid.provider import DEVICE_GRANT, SLOWER_S

TIMEOUT_S: Final = 10.0
INTERVAL_MIN_S: Final = 0.05


async def sign_in(url: str, client: str, show: Callable[[str, str], None], nonce: str = "") -> str:
    """The ID token of whoever types the code; `show` is given the code and the address of its page.

    Raises ConfigError (no provider there, or it does not know the client), InputError (refused, or too late) and
    LinkError (the provider went away).
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        try:
            about = await _asked(session.get(f"{url.rstrip('/')}/.well-known/openid-configuration"))
            begun = {"client_id": client, "scope": "openid"} | ({"nonce": nonce} if nonce else {})
            codes = await _asked(session.post(about["device_authorization_endpoint"], data=begun))
            show(codes["user_code"], codes["verification_uri_complete"])
            asked = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"], "client_id": client}
            return await _polled(session, about["token_endpoint"], asked, float(codes.get("interval", SLOWER_S)))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LinkError(f"{url}: the provider does not answer ({type(error).__name__})") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{url}: no OpenID provider with a device flow is there") from error


async def _polled(session: aiohttp.ClientSession, url: str, asked: dict[str, str], interval_s: float) -> str:
    """Asks at the provider's pace until somebody decides."""
    while True:
        await asyncio.sleep(max(interval_s, INTERVAL_MIN_S))
        answer = await _asked(session.post(url, data=asked), {"authorization_pending", "slow_down"})
        if answer.get("error") == "slow_down":
            interval_s += SLOWER_S
        elif "error" not in answer:
            return str(answer["id_token"])


async def _asked(request: Any, go_on: set[str] | None = None) -> dict[str, Any]:
    """The JSON of an answer; raises InputError and ConfigError for an error that does not end by itself."""
    async with request as response:
        answer: dict[str, Any] = await response.json()
    error = answer.get("error")
    if error is None or error in (go_on or ()):
        return answer
    if error in {"access_denied", "expired_token"}:
        raise InputError("the sign-in was refused" if error == "access_denied" else "nobody typed the code in time")
    raise ConfigError(f"the provider says {error}: {answer.get('error_description', '')}")
