"""Integrations with frameworks: each module imports its framework when it is used."""

__all__: list[str] = []
