"""Typed Python functions as tools and steps of Mainstay, served from a process of their own."""

from .context import Context
from .failures import Refused, Retryable, Unknown
from .worker import Worker

__all__ = ["Context", "Refused", "Retryable", "Unknown", "Worker"]
