"""The interfaces of the older performance monitors, as thin facades of a monitor.

Everything recorded through them is on `/metrics`, in rules and in the score as usual.
`docs/migration.md` shows old and new side by side.
"""

__all__: list[str] = []
