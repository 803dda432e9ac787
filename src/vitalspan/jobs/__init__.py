"""Batch jobs: runs that are monitored, and the sinks that they are reported to."""

from vitalspan.jobs.job import Job
from vitalspan.jobs.job_report import JobReport
from vitalspan.jobs.otlp import Otlp
from vitalspan.jobs.ping import Ping
from vitalspan.jobs.pushgateway import Pushgateway
from vitalspan.jobs.sink import Sink
from vitalspan.jobs.textfile import Textfile

__all__ = ["Job", "JobReport", "Otlp", "Ping", "Pushgateway", "Sink", "Textfile"]
