"""What shoppers did: events, their readers, visits, the interaction matrix, honest splits."""

from goodsense.events.cold import cold_items, cold_users
from goodsense.events.columns import EVENT_ALIASES
from goodsense.events.damping import Damped, damped
from goodsense.events.event import DEFAULT_WEIGHTS, TYPES, Event, type_of
from goodsense.events.filters import Filtered, capped, filtered, passing, suspects, without
from goodsense.events.impressions import Impressions
from goodsense.events.interactions import Interactions, weight_of
from goodsense.events.keys import numbered
from goodsense.events.parting import Split, SplitReport
from goodsense.events.reader import EventFeed, Reading, events_of, read_events
from goodsense.events.sessions import GAP_S, Session, sessions, user_sessions
from goodsense.events.splits import by_label, by_time, leave_last, per_user
from goodsense.events.writer import write_events

__all__ = [
    "DEFAULT_WEIGHTS",
    "EVENT_ALIASES",
    "GAP_S",
    "TYPES",
    "Damped",
    "Event",
    "EventFeed",
    "Filtered",
    "Impressions",
    "Interactions",
    "Reading",
    "Session",
    "Split",
    "SplitReport",
    "by_label",
    "by_time",
    "capped",
    "cold_items",
    "cold_users",
    "damped",
    "events_of",
    "filtered",
    "leave_last",
    "numbered",
    "passing",
    "per_user",
    "read_events",
    "sessions",
    "suspects",
    "type_of",
    "user_sessions",
    "weight_of",
    "without",
    "write_events",
]
