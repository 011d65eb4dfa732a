"""The Directory page: people, calls of this seat, callbacks."""
