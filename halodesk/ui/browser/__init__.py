"""The browser of a step page: a foreign page, fenced in, filled from captured values, read back.

`visits` is what the rest of the program sees. Whatever imports Qt WebEngine is imported by `visits`
when the first page is wanted, not before: `fence`, `page`, `visit`.
"""
