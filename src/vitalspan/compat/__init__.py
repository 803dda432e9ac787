"""The older performance monitors' interfaces, as thin faces of a monitor.

Whatever is recorded through them is on `/metrics`, in rules and in the score, like anything else.
`docs/migration.md` shows old and new side by side.
"""

__all__: list[str] = []
