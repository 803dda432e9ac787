"""The interfaces of the studio, the unified and the wiki monitor, on one monitor."""

from vitalspan.compat.performance_monitor.contexts import (
    PerformanceContext,
    monitor_async_performance,
    monitor_block,
    monitor_performance,
)
from vitalspan.compat.performance_monitor.memory import (
    compare_memory_snapshots,
    disable_memory_tracking,
    enable_memory_tracking,
    get_memory_snapshot,
)
from vitalspan.compat.performance_monitor.records import (
    OperationMetrics,
    PerformanceAlert,
    PerformanceMetrics,
)
from vitalspan.compat.performance_monitor.unified import (
    PerformanceIntelligenceEngine,
    PerformanceMonitor,
    PerformanceTracker,
    PerformanceValidator,
    UnifiedPerformanceMonitor,
    get_performance_monitor,
)

__all__ = [
    "OperationMetrics",
    "PerformanceAlert",
    "PerformanceContext",
    "PerformanceIntelligenceEngine",
    "PerformanceMetrics",
    "PerformanceMonitor",
    "PerformanceTracker",
    "PerformanceValidator",
    "UnifiedPerformanceMonitor",
    "compare_memory_snapshots",
    "disable_memory_tracking",
    "enable_memory_tracking",
    "get_memory_snapshot",
    "get_performance_monitor",
    "monitor_async_performance",
    "monitor_block",
    "monitor_performance",
]
