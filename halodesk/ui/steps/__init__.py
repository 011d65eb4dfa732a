"""One module per step type that needs a page of its own; `registry` finds them."""
