"""The logit store: every member's logits on every split, with labels, ids and groups.

An entry is a folder of plain array files and a JSON manifest. It is keyed by what made it, appears in a single rename when it
is complete, is never overwritten, and damage to it is detected and reported. The costs of its member are kept beside it, and
can be added later.
"""

from wee.store.costs import MeasuredCost
from wee.store.entry import Address, Entry
from wee.store.store import LogitStore
from wee.store.writer import EntryWriter, PieceWriter

__all__ = ["Address", "Entry", "EntryWriter", "LogitStore", "MeasuredCost", "PieceWriter"]
