"""Internal: the HTTP client of receivers, scrapes and stores."""
