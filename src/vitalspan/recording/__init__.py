"""Internal: what runs in the thread of the caller: operations, series, spans, resource readings."""
