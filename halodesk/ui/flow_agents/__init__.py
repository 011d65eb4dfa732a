"""The Flow agents page: the chat simulator."""
