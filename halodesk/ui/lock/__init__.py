"""Signing in, and the locked window."""
