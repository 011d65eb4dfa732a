"""The window of the seat: renders what `DeskPort` says and passes the agent's wishes on."""
