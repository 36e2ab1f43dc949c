"""Webhook sender: a signed POST (Standard Webhooks 1.0: https://www.standardwebhooks.com). Only 2xx counts.

The address comes from the operator's settings and from nowhere else: no caller can make this server call any address,
which is why private ones are allowed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from expunge_config.api_settings import Webhook

TIMEOUT = 10.0
"""Seconds until there is an answer, from the first look for the address on: whoever sends a byte now and then has no
more of them. Only the system's resolver, which cannot be interrupted, keeps to its own limits."""


class NotDeliveredError(Exception):
    """Why not, in words that hold no value of the answer."""


def post(hook: Webhook, identifier: str, payload: Mapping[str, Any], at: datetime) -> None:
    """Tell it.

    Args:
        hook: Where, and the secret that signs.
        identifier: The same for every attempt.
        payload: The body, as JSON.
        at: The time of this attempt, in UTC.

    Raises:
        NotDeliveredError: It was not reached in time, or answered otherwise than 2xx. Redirects are not followed: the
            signed message would go where nobody decided.
    """
    try:
        import httpx2  # noqa: PLC0415 - an extra
        import standardwebhooks  # noqa: PLC0415 - as above
    except ImportError:
        raise NotDeliveredError("needs expunge[api]") from None
    body = json.dumps(payload, separators=(",", ":"), sort_keys=True)
    headers = {
        "content-type": "application/json",
        "user-agent": "expunge",
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(hook.secret.get_secret_value()).sign(identifier, at, body),
    }

    async def status_of_answer() -> int:
        """Post it, and wait for the head of the answer."""
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
            client.stream("POST", str(hook.url), content=body, headers=headers) as answer,
        ):
            return answer.status_code  # the body is not read: nobody may log what is in it

    try:
        status = asyncio.run(status_of_answer())
    except TimeoutError:
        raise NotDeliveredError("no answer in time") from None
    except (httpx2.HTTPError, OSError) as error:
        raise NotDeliveredError(f"not reached ({type(error).__name__})") from None
    if status // 100 == 3:  # noqa: PLR2004 - 3xx
        raise NotDeliveredError(f"answered {status}: redirects are not followed")
    if status // 100 != 2:  # noqa: PLR2004 - 2xx
        raise NotDeliveredError(f"answered {status}")
