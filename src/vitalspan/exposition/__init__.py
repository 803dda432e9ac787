"""Internal: metric families, and the formats that they are exposed in."""
