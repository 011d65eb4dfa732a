"""Look of the application: tokens, palette, style sheet, fonts, icons."""
