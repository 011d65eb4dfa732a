"""One module per cart action; each offers `ACTION`, an instance of `base.CartAction`."""
