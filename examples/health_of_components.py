"""A health score over components that depend on each other, and what would raise it.

Run: python examples/health_of_components.py
"""

import random

import vitalspan as vs


@vs.operation("query", component="database")
def query(order: int) -> int:
    if random.random() < 0.2:
        raise TimeoutError("the database did not answer")
    return order


@vs.operation("checkout", component="payments")
def checkout(order: int) -> str:
    return f"order {query(order)} is paid"


@vs.operation("search", component="search")
def search(words: str) -> list[str]:
    return words.split()


def main() -> None:
    random.seed(7)
    monitor = vs.configure()
    monitor.rules.add_component("payments", weight=3, critical=True, depends_on=["database"])
    monitor.rules.add_component("search")
    monitor.rules.add_component("database")
    for order in range(100):
        search("red shoes")
        try:
            checkout(order)
        except TimeoutError:
            pass
    monitor.tick()

    health = monitor.health()
    print(f"{health.score:.0f} of 100, {health.status}")
    for reason in health.reasons:
        print(f"- {reason}")
    for component in health.components:
        print(f"{component.component} is {component.status} because of {component.limited_by}")
    for advice in monitor.health.recommendations()[:3]:
        print(f"{advice.subject}: {advice.suggestion} ({advice.evidence})")


if __name__ == "__main__":
    main()
