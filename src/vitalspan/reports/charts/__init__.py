"""Internal: small charts as SVG, without libraries or scripts."""
