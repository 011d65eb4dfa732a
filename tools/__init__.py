"""Programs of developers: not shipped. `python -m tools.NAME`; those without an ending are shell."""
