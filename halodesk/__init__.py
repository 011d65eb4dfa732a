"""HaloDesk: a softphone and workflow desktop for contact centres."""

__version__ = "0.1.0"
