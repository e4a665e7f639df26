"""Certificates and signatures for tests of lib/security."""
