"""A run that is a session, and a report on it: what was slow, what failed, what was counted.

Run: python examples/report_of_a_run.py import.html
"""

import sys
import time

import vitalspan as vs


@vs.operation("read_page", component="reading")
def read_page(number: int) -> list[str]:
    time.sleep(0.002 if number % 10 else 0.02)
    return [f"row {number}.{row}" for row in range(5)]


@vs.operation("save_row", component="saving", slow=0.01)
def save_row(row: str) -> None:
    if row.endswith("7.3"):
        raise ValueError(f"{row} has no date")


def run(pages: int) -> None:
    with vs.get_monitor().session("import") as session:
        for number in range(pages):
            for row in read_page(number):
                try:
                    save_row(row)
                    session.count("rows")
                except ValueError:
                    session.count("rows left out")


def main() -> None:
    run(20)
    run(30)
    monitor = vs.get_monitor()
    before, after = monitor.sessions.history("import")
    print(monitor.report(session=after))
    # The page has the changes since the run before as well, and says which are more than noise.
    page = monitor.reports.session(after, before=before).save(sys.argv[1])
    print(f"open {page} in a browser")


if __name__ == "__main__":
    main()
