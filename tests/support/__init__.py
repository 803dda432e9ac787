"""Servers, programs and generators that several tests use."""
