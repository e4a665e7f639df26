"""Tools of the VEV-Gateway: build, emulate, drive and test the firmware."""

__version__ = "0.1.0"
