"""`rotation.yaml`: strict, checked as a whole, and never holding a secret."""

from rotation.config.configuration import Configuration, Entry, stream_of
from rotation.config.findings import ConfigInvalid, Finding, Level
from rotation.config.loading import load

__all__ = ["ConfigInvalid", "Configuration", "Entry", "Finding", "Level", "load", "stream_of"]
