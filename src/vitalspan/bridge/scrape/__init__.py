"""Internal: scrapes the metrics of other processes, to export them."""
