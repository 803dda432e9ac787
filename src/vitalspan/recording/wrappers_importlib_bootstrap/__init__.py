"""Internal: wrappers of functions and generators that are invisible to `warnings` and `logging`.

Both modules skip the frames of files whose path contains `importlib` and `_bootstrap` when they
look for a caller, hence the name of this folder: in a decorated function, `warnings.warn(...,
stacklevel=2)` and `logger.info(..., stacklevel=2)` name the function's caller and not this library.
Tracebacks and debuggers show the frames as usual.
"""
