"""The full-screen client. It draws what :mod:`chat_client.core` knows, and decides nothing about messages itself.

``chat_client.tui.cli`` is the command; nothing here is imported by the core or by the line client.
"""
