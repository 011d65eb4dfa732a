"""Runs conversations of flow agents: the machine's events become work, its outcome becomes news."""
