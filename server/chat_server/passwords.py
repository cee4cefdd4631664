"""Password hashes: argon2id, in PHC strings. Slow on purpose; called on hashing threads only."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError

from chat_server.config import ConfigError
from chat_server.routing.context import Passwords


def make_passwords(memory_kib: int, time_cost: int) -> Passwords:
    """Hashing with the given costs; hashes made with others still verify.

    Raises:
        ConfigError: the machine has not the memory for one hash.
    """
    hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)

    def verify(known_hash: str, password: str) -> bool:
        try:
            return hasher.verify(known_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    try:
        return Passwords(hasher.hash, verify)
    except HashingError as error:
        raise ConfigError(f"argon2_memory_kib: a password cannot be hashed with {memory_kib} KiB: {error}") from None
