"""One score that says why: ramps on signals, weighed, of the whole and of each component."""
