"""Histograms with labels that come from a call's arguments, or become known while it runs.

Run: python examples/labels_from_arguments.py
"""

from dataclasses import dataclass

import vitalspan as vs


@dataclass
class Customer:
    """Who a bill is for. There are many of them, and few plans."""

    name: str
    plan: str


# The plan makes series; the customer's name, which would make too many, is on the span alone.
@vs.operation("bill", labels={"plan": vs.argument("customer", lambda customer: customer.plan)})
def bill(customer: Customer, cents: int) -> None:
    call = vs.current_call()
    call.set_attribute("customer", customer.name)
    call.set_label("size", "large" if cents >= 10_000 else "small")
    call.add("cents", cents)


def main() -> None:
    ada, bob, eve = Customer("Ada", "gold"), Customer("Bob", "free"), Customer("Eve", "free")
    bill(ada, 25_000)
    bill(ada, 900)
    bill(bob, 0)
    bill(eve, 300)
    for line in vs.generate_latest().decode().splitlines():
        if line.startswith(("operation_duration_seconds_count", "operation_cents_total")):
            print(line)

    # A plan that nobody can have any more need not stay in the metrics.
    forgotten = vs.get_monitor().forget("bill", labels={"plan": "free"})
    print(f"{forgotten} series were forgotten")


if __name__ == "__main__":
    main()
