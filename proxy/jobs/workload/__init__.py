"""A made-up chat application: people who sign up, talk, share and leave, through any MongoDB address."""

from proxy.jobs.workload.over_http import HttpWorkload, UnexpectedAnswerError
from proxy.jobs.workload.pace import Pace
from proxy.jobs.workload.run import Workload
from proxy.jobs.workload.tally import CommandTally

__all__ = ["CommandTally", "HttpWorkload", "Pace", "UnexpectedAnswerError", "Workload"]
