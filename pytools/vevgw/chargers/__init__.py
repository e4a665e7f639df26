"""Chargers as a gateway sees them: profiles of models, and simulators of the devices."""
