"""Posts JSON to a server, and tries again where a failure may pass."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyeval.errors import DataError, TinyEvalError

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Status codes of temporary failures: timeouts, too many requests, an overloaded server."""
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Poster:
    """How requests are sent.

    Attributes:
        key_variable: environment variable that holds the API key, if the server needs one.
        timeout: seconds after which a request fails.
        attempts: most requests per item; the wait between them doubles from one second, or is what
            the server asks for.
        sleep: pauses for some seconds.
    """

    key_variable: str
    timeout: float
    attempts: int
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, url: str, body: Mapping[str, Any], item: str) -> Any:
        """Return the server's reply.

        Args:
            url: address.
            body: the request.
            item: id of the item, for messages.

        Raises:
            DataError: a reply that is no JSON.
            TinyEvalError: the server refuses, or does not answer after all attempts.
        """
        request = urllib.request.Request(url, json.dumps(body).encode(), self._headers())
        for attempt in range(1, self.attempts + 1):
            wait = 2.0 ** (attempt - 1)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as reply:
                    return json.load(reply)
            except urllib.error.HTTPError as error:
                reason = f"status {error.code}: {_text_of(error)}"
                if error.code not in _PASSING:
                    raise TinyEvalError(f"{url}: refused item {item!r} with {reason}") from error
                wait = _retry_after(error, wait)
            except _BROKEN as error:
                reason = str(error) or type(error).__name__
            except ValueError as error:
                raise DataError(f"{url}: the answer to item {item!r} is no JSON") from error
            if attempt < self.attempts:
                self.sleep(min(wait, _LONGEST_WAIT))
        raise TinyEvalError(
            f"{url}: no answer to item {item!r} after {self.attempts} attempts ({reason}); check "
            "that the server runs, or raise timeout and attempts"
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        return headers


def _text_of(error: urllib.error.HTTPError) -> str:
    with error:
        return " ".join(error.read(2000).decode("utf-8", "replace").split())[:200]


def _retry_after(error: urllib.error.HTTPError, otherwise: float) -> float:
    """Return how many seconds the server asks to wait: a number, or a date to wait for."""
    asked = str(error.headers.get("Retry-After", otherwise))
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
        except ValueError:
            return otherwise
    return max(0.0, seconds) if seconds == seconds else otherwise
