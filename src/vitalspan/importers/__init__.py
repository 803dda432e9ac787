"""Internal: turns SLO files of other tools into rule files."""
