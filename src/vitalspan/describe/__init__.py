"""Internal: describes rules and health scoring in English."""
