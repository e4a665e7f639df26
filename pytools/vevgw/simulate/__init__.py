"""The deterministic simulation: builds test/simulation and runs it on seeds."""
