"""The paths of the repository, the tests and their files."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
RULE_FILES = TESTS / "rules" / "file" / "rule_files"
EVERY_RULE = TESTS / "support" / "every_rule.yml"
