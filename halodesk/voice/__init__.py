"""Speech in and out for flow agents: recognisers, voices, and the ears and mouth of a call."""
