"""Integrations with frameworks: each is a module that imports its framework when it is used."""

__all__: list[str] = []
