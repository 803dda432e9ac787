"""Rules and SLOs in a file, which is read again whenever it changes.

Install: pip install 'vitalspan[rules]'
Run: python examples/rules_in_a_file.py
"""

from pathlib import Path

import vitalspan as vs

RULES = Path(__file__).with_suffix(".yml")


@vs.operation("checkout", component="payments")
def checkout(order: int) -> str:
    if order % 50 == 0:
        raise TimeoutError("the bank did not answer")
    return f"order {order} is paid"


def main() -> None:
    monitor = vs.configure(rules=str(RULES))
    for order in range(1, 501):
        try:
            checkout(order)
        except TimeoutError:
            pass
    # A service needs no tick of its own: there is one every five seconds.
    monitor.tick()

    for alert in monitor.alerts.active():
        print(f"{alert.severity}: {alert.message}")
        print(f"  {alert.annotations.get('summary', alert.alertname)}")
    for slo in monitor.rules.slos():
        speed = f"{slo.burn_rate:.2g} times as fast as it may"
        print(f"{slo.name}: {slo.bad:.0f} of {slo.events:.0f} calls were bad, {speed}")


if __name__ == "__main__":
    main()
