"""Hits and misses of a cache, and what a paid API costs.

Run: python examples/cache_and_paid_api.py
"""

import vitalspan as vs

DOLLARS_PER_TOKEN = 2e-6

answers: dict[str, str] = {}
lookups = vs.cache("answers", component="assistant")
model = vs.api("language_model", component="assistant")


class OverloadedError(Exception):
    """The model has no time for the question."""


def ask_model(question: str) -> tuple[str, int]:
    """Pretend to ask a model that is far away; return its answer and the tokens it took."""
    if "everything" in question:
        raise OverloadedError
    return question.upper(), 12 * len(question.split())


@vs.operation("answer", component="assistant")
def answer(question: str) -> str:
    if question in answers:
        lookups.hit()
        return answers[question]
    lookups.miss()
    try:
        text, tokens = ask_model(question)
    except OverloadedError as error:
        model.record(error=error)
        return "Ask me later."
    model.record(tokens=tokens, cost=tokens * DOLLARS_PER_TOKEN)
    answers[question] = text
    return text


def main() -> None:
    monitor = vs.configure()
    # The bill is a signal like any other: this fires above ten dollars a day.
    monitor.rules.add(alert="ModelExpensive", signal="api_cost_rate", above="10/d", window="1h")
    for question in ["who are you", "what is new", "who are you", "tell me everything"]:
        print(answer(question))
    for line in vs.generate_latest().decode().splitlines():
        if line.startswith(("cache_", "api_")):
            print(line)
    monitor.tick()
    print(f"hit ratio: {monitor.rules.read('cache_hit_ratio').value}")


if __name__ == "__main__":
    main()
