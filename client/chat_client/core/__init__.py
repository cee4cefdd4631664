"""The client without a face: state, session, storage and commands.

The Textual client and the line client render what is decided here. Nothing in this package imports textual, rich or
prompt_toolkit, and nothing here writes to a terminal.
"""
