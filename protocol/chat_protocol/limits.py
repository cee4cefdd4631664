"""Every bound of the wire contract, in one place (protocol.md 1, 2, 3, 6)."""

from typing import Final

PROTOCOL_VERSION: Final = 1

LENGTH_BYTES: Final = 4
"""Size of the length that opens a frame."""
MIN_PAYLOAD_BYTES: Final = 2
"""The shortest JSON object is ``{}``."""
MAX_FRAME_BEFORE_LOGIN_BYTES: Final = 4 * 1024
MAX_FRAME_BYTES: Final = 64 * 1024
"""Default bound of a client's frame after login; ``session`` tells the value in force."""
MAX_SERVER_FRAME_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
"""Nesting of arrays and objects in a payload."""
MAX_INT: Final = 2**53 - 1

MAX_NAME_CHARS: Final = 32
MAX_DISPLAY_NAME_CHARS: Final = 64
MAX_TITLE_CHARS: Final = 120
MAX_TOPIC_CHARS: Final = 500
MAX_STATUS_CHARS: Final = 120
MAX_DEVICE_CHARS: Final = 64
MAX_CLIENT_CHARS: Final = 64
MAX_SECRET_CHARS: Final = 256
"""Bound of tokens and invite codes as sent by a client."""
MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 256
MAX_MESSAGE_ID_CHARS: Final = 64
MAX_CONTENT_CHARS: Final = 8_000
MAX_CONTENT_BYTES: Final = 16 * 1024
MAX_EMOJI_CHARS: Final = 32
MAX_KIND_CHARS: Final = 32
MAX_QUERY_CHARS: Final = 256
MAX_REFERENCE_CHARS: Final = 64
"""Bound of a name or conversation as it may be typed; what is valid is decided by ``names``."""

DEFAULT_SYNC_LIMIT: Final = 200
MAX_BACKLOG_EVENTS: Final = 100
"""Events in one ``backlog`` push."""
DEFAULT_HISTORY_LIMIT: Final = 50
MAX_HISTORY_LIMIT: Final = 200
DEFAULT_SEARCH_LIMIT: Final = 50
MAX_SEARCH_LIMIT: Final = 100
DEFAULT_LIST_LIMIT: Final = 100
MAX_LIST_LIMIT: Final = 1_000

FRAME_DEADLINE_S: Final = 30
"""A frame that has begun must be whole within this time."""
LOGIN_DEADLINE_S: Final = 10
"""A connection must have sent its login within this time."""
SILENCE_S: Final = 90
"""A connection silent for this long is closed."""
MAX_ERRORS_PER_MINUTE: Final = 20
"""More of bad_request, bad_text, unknown_type and wrong_state than this close the connection."""
