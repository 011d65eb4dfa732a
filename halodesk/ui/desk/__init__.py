"""The panes of the Desk page: status, call, step, context, progress."""
