"""How long whoever guesses passwords has to wait. Pure: the time is an argument.

Nobody is locked out: after some failures each further attempt has to wait, at first a second, then twice as long each
time, up to a minute. It is counted for an account from one network, for a network, and for an account from anywhere;
the last not for networks from which the account has logged in, so that a stranger cannot keep its owner waiting.
Accounts that do not exist are counted like those that do. Tokens are too long to be guessed and are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

_FIRST_WAIT_MS: Final = 1_000
_LONGEST_WAIT_MS: Final = 60_000
_FORGET_MS: Final = 15 * 60_000
"""Failures are forgotten after so long without another one."""
_OF_A_NETWORK: Final = 10
"""So many times more failures are free for a network, in which many people may be."""
_OF_AN_ACCOUNT: Final = 20
"""The same for an account from all networks together."""
_IPV6_SITE_BITS: Final = 64
_SMALL: Final = 1_024

_Key = tuple[str, str]
_ANY: Final = "*"
"""Neither an account nor a network has this name."""


def network_of(address: str) -> str:
    """The network that ``host:port`` counts as: one IPv4 address, or the /64 that a site has of IPv6."""
    host = address.rpartition(":")[0].partition("%")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        site = int(found) >> (128 - _IPV6_SITE_BITS) << (128 - _IPV6_SITE_BITS)
        return f"{IPv6Address(site)}/{_IPV6_SITE_BITS}"
    return str(found)


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until_ms: int = 0
    last_ms: int = 0


class Guesses:
    """Attempts by password. ``free`` failures of an account from one network cost nothing; 0: none ever does."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._failures: dict[_Key, _Failures] = {}
        self._known: dict[_Key, int] = {}
        """When an account last logged in from a network."""
        self._tidy_at = _SMALL

    def begin(self, account: str, network: str, now_ms: int) -> int:
        """Count an attempt; 0, or the milliseconds to wait before it is made, in which case it is not counted.

        It counts as failed until :meth:`succeed` says otherwise: many attempts at once are no way around.
        """
        if not self._free:
            return 0
        self._tidy(now_ms)
        keys = self._keys(account, network)
        wait_ms = max(self._wait_ms(key, now_ms) for key, _ in keys)
        if wait_ms:
            return wait_ms
        for key, free in keys:
            entry = self._failures.setdefault(key, _Failures())
            if now_ms - entry.last_ms > _FORGET_MS:
                entry.count = 0
            entry.count += 1
            entry.last_ms = now_ms
            if entry.count >= free:
                entry.until_ms = now_ms + min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS << min(entry.count - free, 16))
        return 0

    def succeed(self, account: str, network: str, now_ms: int) -> None:
        """The attempt was right: what it counted for is taken back, and failures of this account from here end."""
        if not self._free:
            return
        for key, _ in self._keys(account, network):
            entry = self._failures.get(key)
            if entry is not None:
                entry.count = max(0, entry.count - 1)
                entry.until_ms = 0 if entry.count == 0 else entry.until_ms
        self._failures.pop((account, network), None)
        self._known[account, network] = now_ms

    def _keys(self, account: str, network: str) -> list[tuple[_Key, int]]:
        keys = [((account, network), self._free), ((_ANY, network), self._free * _OF_A_NETWORK)]
        if (account, network) not in self._known:
            keys.append(((account, _ANY), self._free * _OF_AN_ACCOUNT))
        return keys

    def _wait_ms(self, key: _Key, now_ms: int) -> int:
        entry = self._failures.get(key)
        # a clock that was set back must not make anybody wait longer
        return 0 if entry is None else max(0, min(entry.until_ms - now_ms, _LONGEST_WAIT_MS))

    def _tidy(self, now_ms: int) -> None:
        """Forget what is long ago, so that memory follows who tries now."""
        if len(self._failures) + len(self._known) < self._tidy_at:
            return
        self._failures = {
            key: entry for key, entry in self._failures.items() if 0 <= now_ms - entry.last_ms <= _FORGET_MS
        }
        if len(self._known) > _SMALL:
            newest = sorted(self._known.items(), key=lambda item: item[1])[-_SMALL * 8 :]
            self._known = dict(newest)
        self._tidy_at = max(_SMALL, 2 * (len(self._failures) + len(self._known)))
