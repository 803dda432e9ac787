"""The cost of a store of history: the write of a tick, its size, and queries of the past.

`write` or `read` on the command line. All of 1,000 operations are busy in every interval: each is
called twenty times in five seconds, and lasts as long as a log-normal distribution says. What it is
compared with has a row for each operation and interval, in the same database with the same sketch.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import Effort, arguments, emit, pin
from vitalspan.recording.duration_histogram import Spread
from vitalspan.recording.series import FreshCalls, Series
from vitalspan.store.frame import GROUP, PLAIN_GRID, Frame
from vitalspan.store.open_store import open_store
from vitalspan.store.packed_frame import pack_dense, pack_sparse
from vitalspan.store.protocol import Batch, FrameRow, StoredSeries
from vitalspan.store.reader import StoreReader
from vitalspan.store.roll_up import ROLLED, frame_row
from vitalspan.store.tiers import DEFAULT_TIERS, Tier, parse_tiers
from vitalspan.store.writer import WRITTEN, StoreWriter

OPERATIONS = 1000
CALLS = 20
TICK = 5.0
NOW = 1_700_000_000 // 21_600 * 21_600
TIERS = parse_tiers(DEFAULT_TIERS)
WARM = 15


class Traffic:
    """Calls of many operations, added to their series as by the aggregator."""

    def __init__(self, monitor: vs.Monitor, operations: int) -> None:
        self._luck = random.Random(1)
        table = monitor._recorder.series_table
        self._series = [table.get("bench", f"operation{n}", ()) for n in range(operations)]
        self._durations = [
            [self._luck.lognormvariate(middle, 0.6) for _ in range(500)]
            for middle in (self._luck.uniform(-7, -1) for _ in range(operations))
        ]

    def flow(self) -> None:
        """Call every operation."""
        for series, durations in zip(self._series, self._durations, strict=True):
            first = self._luck.randrange(len(durations) - CALLS)
            self._count(series, sorted(durations[first : first + CALLS]))

    @staticmethod
    def _count(series: Series, durations: list[float]) -> None:
        buckets = series.histogram.grid.count(durations)
        squares = sum(seconds * seconds for seconds in durations)
        spread = Spread(squares, durations[0], durations[-1])
        series.histogram = series.histogram.plus(buckets, sum(durations), spread)
        if series.fresh is not None:
            series.fresh = FreshCalls(buckets, spread)


def write(effort: Effort, operations: int) -> dict[str, Any]:
    """The CPU time of a tick's write, on its own and relative to one row per point."""
    clock = vs.ManualClock(wall=NOW)
    monitor = vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, clock=clock, max_series=2 * operations
    )
    monitor.tick()
    history, epoch = monitor.evaluation.history, monitor._recorder.epoch()
    traffic = Traffic(monitor, operations)
    frames: list[float] = []
    rows: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        writer = StoreWriter(open_store(f"sqlite:///{folder}/history.db"), TIERS, history)
        writer.prepare(clock.now())
        beside = PointRows(Path(folder) / "rows.db")
        for tick in range(WARM + (10 if effort.quick else 60)):
            traffic.flow()
            clock.advance(TICK)
            history.observe(clock.now())
            began = time.process_time()
            writer.write(writer.collect(clock.now(), epoch, {}))
            middle = time.process_time()
            beside.write(history, int(NOW + tick * TICK))
            if tick >= WARM:
                frames.append(middle - began)
                rows.append(time.process_time() - middle)
        writer.close()
        beside.close()
    detail = {
        "frames": statistics.median(frames) * 1e3,
        "mean": statistics.mean(frames) * 1e3,
        "slowest": max(frames) * 1e3,
        "rows": statistics.median(rows) * 1e3,
    }
    ratio = detail["frames"] / detail["rows"]
    return {
        "store write": {"value": detail["frames"], "detail": detail},
        "store write to rows": {"value": ratio, "detail": detail},
    }


class PointRows:
    """A table with a row for each operation and interval."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE points (series INTEGER, start INTEGER, count INTEGER, errors INTEGER,"
            " total REAL, squares REAL, shortest REAL, longest REAL, sketch BLOB,"
            " PRIMARY KEY (series, start)) WITHOUT ROWID"
        )

    def write(self, history: Any, start: int) -> None:
        """Write the last entry of every operation."""
        points = []
        for number, series in enumerate(history.operations.all):
            count, *sums, buckets, calls = series.calls_of(len(series.times) - 1)
            sketch = b"".join(
                series.grid.index(bucket).to_bytes(2, "little", signed=True)
                + number_of_calls.to_bytes(2, "little")
                for bucket, number_of_calls in zip(buckets, calls, strict=True)
            )
            points.append((number, start, count, 0, *sums, sketch))
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO points VALUES (?,?,?,?,?,?,?,?,?)", points)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def read(effort: Effort, operations: int) -> dict[str, Any]:
    """The size of 30 days, a report of 24 hours, and one operation over 30 days."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/history.db"
        store = open_store(url)
        store.open()
        fill(store, operations)
        size = store.size() * (OPERATIONS / operations) / 1e6
        reader = StoreReader(open_store(url, read_only=True), TIERS)
        now = NOW - 1000.0
        reports, singles = [], []
        for turn in range(3 if effort.quick else 9):
            moment = now - turn * 777
            reports.append(cpu_seconds(lambda at=moment: reader.period(at - 86_400, at, NOW)))
            singles.append(
                cpu_seconds(
                    lambda at=moment: reader.period(
                        at - 30 * 86_400, at, NOW, lambda one: one.number == 7
                    )
                )
            )
        store.close()
    return {
        "store size": {"value": size, "detail": {"MB": size}},
        "store report": {"value": statistics.median(reports) * 1e3, "detail": {}},
        "store operation": {"value": statistics.median(singles) * 1e3, "detail": {}},
    }


def fill(store: Any, operations: int) -> None:
    """Fill a store with all frames that it has after 30 days."""
    luck = random.Random(2)
    series = [
        StoredSeries(n, "operation", {"component": "bench", "operation": f"operation{n}"})
        for n in range(operations)
    ]
    store.write(Batch(series=series))
    for tier in TIERS:
        pack = pack_sparse if tier is TIERS[0] else pack_dense
        some = [frame_row(tier.step, 0, 0, frame_of(luck, tier), pack) for _ in range(24)]
        rows: list[FrameRow] = []
        for start in range(NOW - tier.age, NOW, tier.step):
            rows += [
                luck.choice(some)._replace(start=start, group=group)
                for group in range(-(-operations // GROUP))
            ]
            if len(rows) > 5000:
                store.write(Batch(frames=rows))
                rows = []
        store.write(Batch(frames=rows))
    rolled = {str(tier.step): NOW for tier in TIERS}
    store.write(Batch(documents={ROLLED: rolled, WRITTEN: float(NOW)}))


def frame_of(luck: random.Random, tier: Tier) -> Frame:
    """Return a frame of one tier. Beyond a few thousand, more calls fill no more buckets."""
    frame = Frame()
    calls = CALLS * tier.step // 5
    drawn = min(calls, 2000)
    for place in range(GROUP):
        middle = luck.uniform(-7, -1)
        durations = [luck.lognormvariate(middle, 0.6) for _ in range(drawn)]
        times = calls // drawn
        frame.counts[place] = drawn * times
        frame.totals[place] = sum(durations) * times
        frame.squares[place] = sum(seconds * seconds for seconds in durations) * times
        frame.shortest[place], frame.longest[place] = min(durations), max(durations)
        buckets = Counter(PLAIN_GRID.bucket(seconds) for seconds in durations)
        frame.add_buckets(place, {bucket: count * times for bucket, count in buckets.items()})
    return frame


def cpu_seconds(function: Any) -> float:
    """Return the CPU time of one call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    pin(1)
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    emit(figures={"write": write, "read": read}[which](effort, count))


if __name__ == "__main__":
    main()
