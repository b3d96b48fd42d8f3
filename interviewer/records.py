"""How the nouns of an interview are written as JSON for the store, and read back.

Unknown fields are ignored and missing ones take their defaults, so a record written by an older version stays readable.
"""

from pydantic import TypeAdapter

from interviewer.daily import Board, DailyAnswer, DailyQuestion, Doing, Item, Standing
from interviewer.model import Inbound, Interview, Preferences, Turn
from interviewer.ports import Aside, Post, Room

INTERVIEW: TypeAdapter[Interview] = TypeAdapter(Interview)
INBOUND: TypeAdapter[Inbound] = TypeAdapter(Inbound)
TURN: TypeAdapter[Turn] = TypeAdapter(Turn)
POST: TypeAdapter[Post] = TypeAdapter(Post)
PREFERENCES: TypeAdapter[Preferences] = TypeAdapter(Preferences)
ASIDE: TypeAdapter[Aside] = TypeAdapter(Aside)
ROOM: TypeAdapter[Room] = TypeAdapter(Room)

BOARD: TypeAdapter[Board] = TypeAdapter(Board)
DAILY_QUESTION: TypeAdapter[DailyQuestion] = TypeAdapter(DailyQuestion)
DAILY_ANSWER: TypeAdapter[DailyAnswer] = TypeAdapter(DailyAnswer)
DOING: TypeAdapter[Doing] = TypeAdapter(Doing)
ITEM: TypeAdapter[Item] = TypeAdapter(Item)
POINTS: TypeAdapter[list[str]] = TypeAdapter(list[str])
STANDING: TypeAdapter[Standing] = TypeAdapter(Standing)
