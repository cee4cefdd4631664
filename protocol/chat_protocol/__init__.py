"""The wire protocol of chat-suite: frames, typed packets, and sans-I/O connections. No socket, no thread, no clock."""

from chat_protocol.limits import PROTOCOL_VERSION

__all__ = ["PROTOCOL_VERSION"]
