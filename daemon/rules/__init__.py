"""What is worth telling: pure functions over the event stream, without a clock and without any I/O."""

from daemon.rules.book import RuleBook, States, Told
from daemon.rules.rule import Rule, Verdict
from daemon.rules.sighting import Sighting, sighting_of
from daemon.rules.state import RuleState

__all__ = ["Rule", "RuleBook", "RuleState", "Sighting", "States", "Told", "Verdict", "sighting_of"]
