"""Internal: small charts as SVG, without a library and without a script."""
