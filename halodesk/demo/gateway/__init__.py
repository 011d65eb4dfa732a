"""The sandbox gateway: a real HTTP payment gateway for demos, tests and training seats."""
