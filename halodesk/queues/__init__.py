"""Telling a PBX in which queues the agent works, and reading back what it made of it."""
