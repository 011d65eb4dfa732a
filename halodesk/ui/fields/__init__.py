"""One module per field type; `registry` finds them."""
