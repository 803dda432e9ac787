"""Between the recorded state and the formats of other systems."""
