"""The panes of the Sessions page: the list with its search, the replay with its time line."""
