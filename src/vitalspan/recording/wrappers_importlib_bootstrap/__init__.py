"""Internal: wrappers of functions and generators, which `warnings` and `logging` look through.

Both modules skip the frames of files whose path contains `importlib` and `_bootstrap` when they
look for a caller, which is why this folder has its name: in a decorated function,
`warnings.warn(..., stacklevel=2)` and `logger.info(..., stacklevel=2)` name the function's caller
and not this library. Tracebacks and debuggers show the frames as they show any others.
"""
