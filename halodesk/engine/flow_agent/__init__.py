"""Flow agents: an LLM that runs a conversation flow. The pure machine; what it needs is outside."""
