"""A script whose functions are recorded: where its time went, and its metrics.

Run: python examples/script.py
"""

import time

import vitalspan as vs


@vs.operation
def download(page: int) -> str:
    time.sleep(0.002 * page)
    return f"page {page}: apples, pears, plums"


@vs.operation("parse", component="parser", slow=0.5)
def parse(text: str) -> list[str]:
    title, _, items = text.partition(": ")
    if title == "page 3":
        raise ValueError("page 3 is damaged")
    return items.split(", ")


def main() -> None:
    for page in range(1, 6):
        # A block takes labels and amounts that are known only while it runs.
        with vs.operation("read_page", labels={"kind": "fruit"}) as call:
            try:
                call.add("items", len(parse(download(page))))
            except ValueError as error:
                print(f"skipped: {error}")

    for record in vs.get_monitor().recent_calls():
        print(f"{record.operation:10} {record.outcome:6} {record.duration * 1000:6.2f} ms")
    print(vs.generate_latest().decode())


if __name__ == "__main__":
    main()
