"""Internal: the documents of the JSON API, each a dataclass and a function that creates it."""
