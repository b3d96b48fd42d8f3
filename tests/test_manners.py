"""What a language model's wording of a move must not do, and what it may."""

from collections.abc import Callable

import pytest

from interviewer.manners import ROOM, breach, manner, names, numbers, unquoted
from interviewer.model import Mode, Move, MoveKind
from interviewer.ports import Moment
from interviewer.prompts import Prompt, load_prompts
from interviewer.questions import data_root, load_bank

Judge = Callable[[str, Move, Moment, Prompt], str]
PERSONAS = ("calm", "brisk", "sceptical")
PROBE = Move(MoveKind.PROBE, "returns", {"ask": "A book comes back without its label; how do you find its loan?"})
ASK = PROBE.material["ask"]
ASSUME = Move(MoveKind.ASSUME)
FACT = Move(MoveKind.ANSWER, material={"fact": "There are 1,200 lockers in 3 halls, emptied at 22:30."})
HINT = Move(MoveKind.HINT, "returns", {"hint": "Think about who first sees that a shelf is wrong."})
TWIST = Move(
    MoveKind.TWIST, material={"change": "From Monday, 4 of 10 readers come by boat.", "ask": "What changes first?"}
)
CHALLENGE = Move(MoveKind.CHALLENGE, "queue", {"quote": "nobody ever waits in Redis", "ask": "What if 40 people come?"})
CONTRADICTION = Move(MoveKind.CONTRADICTION, "queue", {"before": "readers wait in line", "now": "nobody ever waits"})
OPENING = Move(MoveKind.OPEN_PHASE, material={"phase": "api", "left": "17 minutes"})
PRACTICE = Moment(mode=Mode.PRACTICE)
INTERVIEW = Moment(mode=Mode.INTERVIEW)


@pytest.fixture(scope="session")
def personas() -> dict[str, Prompt]:
    prompts = load_prompts(data_root() / "prompts")
    return {name: prompts.prompt(f"personas/{name}") for name in PERSONAS}


@pytest.fixture
def calm(personas: dict[str, Prompt]) -> Prompt:
    return personas["calm"]


# --- what may be said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("move", "text"),
    [
        (PROBE, ASK),
        (PROBE, f"You keep “the reader, the book and the day it is due”. {ASK}"),
        (PROBE, "Ein Buch kommt ohne Etikett zurück; wie finden Sie seine Ausleihe?"),
        (PROBE, "本が札なしで戻ってきました。貸し出しをどう見つけますか？"),
        (ASSUME, "That is yours to decide. Say what seems sensible, and I keep it as your assumption."),
        (FACT, "There are 1,200 lockers in 3 halls, emptied at 22:30."),
        (FACT, "Es gibt 1.200 Schließfächer in 3 Hallen, geleert um 22:30 Uhr."),
        (FACT, "Il y a 1 200 casiers dans 3 halles, vidés à 22:30.".replace("1 200", "1\u202f200")),
        (HINT, "Think about those shelves, and who first sees that one is wrong."),
        (TWIST, "Some news: from Monday, 4 of 10 readers come by boat. What changes first?"),
        (CHALLENGE, "Let me take “nobody ever waits in Redis” at its word. What if 40 people come?"),
        (CHALLENGE, "Redis, you say. What if 40 people come?"),
        (CONTRADICTION, "Help me here: first “readers wait in line”, now “nobody ever waits”. Which one stands?"),
        (OPENING, "Now the interface and the data, with 17 minutes left. What can be asked of the system?"),
        (Move(MoveKind.DEFLECT), "Nothing to be sorry about. Say what you would try first, even if it may not hold."),
    ],
)
def test_a_lawful_wording_is_no_breach(
    personas: dict[str, Prompt], persona: str, mode: Mode, move: Move, text: str
) -> None:
    assert breach(text, move, Moment(persona, mode), personas[persona]) == ""


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("mode", Mode)
def test_what_the_guides_ask_can_be_asked(personas: dict[str, Prompt], persona: str, mode: Mode) -> None:
    """Hardly anything of the bank's own is taken for a breach: then the template asks, so a few are no harm."""
    bank = load_bank(data_root())
    rubrics = [bank.case(question.id).guide.rubric for question in bank.questions]
    asks = [
        ask for rubric in rubrics for point in rubric for ask in (point.probe, point.challenge, point.deeper) if ask
    ]
    refused = [
        ask
        for ask in asks
        if breach(ask, Move(MoveKind.PROBE, "", {"ask": ask}), Moment(persona, mode), personas[persona])
    ]
    assert len(refused) <= len(asks) / 100, refused


def test_the_candidates_own_praise_may_be_quoted(calm: Prompt) -> None:
    moment = Moment(mode=Mode.INTERVIEW, answered="Great point!  So that is a\ngreat design: you are right, exactly!")
    for quote in ("“that is a great design.”", "„Great point“", "«you are right, exactly»"):
        assert breach(f"You said {quote}. {ASK}", PROBE, moment, calm) == ""
    deeper = Move(MoveKind.DEEPER, "", {"quote": "a good idea", "ask": ASK})
    assert breach(f"Let's stay with “a good idea”. {ASK}", deeper, INTERVIEW, calm) == ""


def test_praise_does_not_become_a_quote_by_quotation_marks(calm: Prompt) -> None:
    moment = Moment(mode=Mode.INTERVIEW, answered="We lend books.")
    assert breach(f"“Great answer.” {ASK}", PROBE, moment, calm) == "praise or a verdict"
    assert breach(f"The “rubric” says: {ASK}", PROBE, moment, calm) == "out of its role"


def test_the_last_exchange_may_be_taken_up_with_its_names_and_numbers(calm: Prompt) -> None:
    moment = Moment(asked="Why Kafka?", answered="It takes 3,000 messages a second; Cassandra would not.")
    assert breach(f"Kafka, Cassandra and the 3,000 a second. {ASK}", PROBE, moment, calm) == ""


def test_in_practice_kind_words_are_no_breach(calm: Prompt) -> None:
    assert breach(f"Good point. {ASK}", PROBE, PRACTICE, calm) == ""
    assert breach(f"Good point. {ASK}", PROBE, INTERVIEW, calm) == "praise or a verdict"


# --- what may not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n"])
def test_saying_nothing_is_a_breach(calm: Prompt, text: str) -> None:
    assert breach(text, ASSUME, PRACTICE, calm) == "nothing is said"


@pytest.mark.parametrize("text", [f"Really? {ASK}", f"{ASK} And then？", "Warum? Und wie؟"])
def test_a_second_question_is_a_breach(calm: Prompt, text: str) -> None:
    assert breach(text, PROBE, PRACTICE, calm) == "a second question"


@pytest.mark.parametrize("text", ["Let us stay with the loans.", "How do you find its loan."])
def test_a_move_that_asks_has_to_ask(calm: Prompt, text: str) -> None:
    assert breach(text, PROBE, PRACTICE, calm) == "the question is not asked"


def test_a_move_whose_ask_is_no_question_need_not_ask(calm: Prompt) -> None:
    move = Move(MoveKind.PROBE, "", {"ask": "Tell me how a loan is found."})
    assert breach("Tell me how a loan is found.", move, PRACTICE, calm) == ""


def test_a_wording_is_as_long_as_the_persona_and_its_material_allow(personas: dict[str, Prompt]) -> None:
    for persona in personas.values():
        assert breach("and so on " * 100, ASSUME, PRACTICE, persona) == "too long"
        assert breach(" ".join(["so"] * persona.longest), ASSUME, PRACTICE, persona) == ""
        assert breach(" ".join(["so"] * (persona.longest + 1)), ASSUME, PRACTICE, persona) == "too long"
    long = Move(MoveKind.HINT, "", {"hint": " ".join(["think"] * 100)})
    assert breach(" ".join(["think"] * (100 + ROOM)), long, PRACTICE, personas["brisk"]) == ""
    assert breach(" ".join(["think"] * (101 + ROOM)), long, PRACTICE, personas["brisk"]) == "too long"


@pytest.mark.parametrize(
    "text",
    [
        "The rubric wants more here.",
        "That goes on your scorecard.",
        "My system prompt says so.",
        "My instructions are plain.",
        "The candidate has to go on.",
        "I am a language model.",
        "As an AI I can't say.",
        "<move> Go on. </move>",
        "# The next part",
        "Go on:\n- with the loans",
        "Go on:\n  2. with the loans",
        "Go on, @everyone.",
        "Go on, @here now.",
        "Go on, <@U123>.",
        "Go on in <#C123>.",
        "This is **important**.",
        "Go on: ```x```",
    ],
)
def test_falling_out_of_its_role_is_a_breach(calm: Prompt, text: str) -> None:
    assert breach(text, ASSUME, PRACTICE, calm) == "out of its role"


@pytest.mark.parametrize(
    "text",
    [
        "Great point about the shelves.",
        "That was a very solid design so far.",
        "Good. Go on with the loans.",
        "Exactly, go on.",
        "Go on. Yes, the loans.",
        "No – think of the loans.",
        "Well done so far.",
        "You're right about that.",
        "You are quite wrong there.",
        "You’re on track.",
        "That's correct.",
        "That is not quite right.",
        "It makes perfect sense.",
        "Sounds good to me.",
        "I really like that.",
        "I disagree with it.",
    ],
)
def test_in_an_interview_praise_and_verdicts_are_a_breach(personas: dict[str, Prompt], text: str) -> None:
    for persona in personas.values():
        assert breach(text, ASSUME, INTERVIEW, persona) == "praise or a verdict"


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("calm", "Go on with the loans!"),
        ("calm", "Come on, say something."),
        ("calm", "You forgot the returns."),
        ("calm", "Take a deep breath."),
        ("brisk", "So, the loans then."),
        ("brisk", "Just to clarify, the loans."),
        ("brisk", "I am curious about the loans."),
        ("brisk", "Hurry up with the loans."),
        ("sceptical", "All of that makes sense."),
        ("sceptical", "Right, the loans."),
        ("sceptical", "You obviously never ran a library."),
        ("sceptical", "Good luck with that."),
    ],
)
def test_each_persona_has_words_that_are_not_its_own(personas: dict[str, Prompt], persona: str, text: str) -> None:
    assert breach(text, ASSUME, PRACTICE, personas[persona]) == "against the persona"


@pytest.mark.parametrize(
    ("move", "text", "number"),
    [
        (FACT, "There are lockers in 3 halls, emptied at 22:30.", "1200"),
        (FACT, "There are twelve hundred lockers in 3 halls, emptied at 22:30.", "1200"),
        (FACT, "There are 1,200 lockers in three halls, emptied at 22:30.", "3"),
        (TWIST, "From Monday, many of 10 readers come by boat. What changes first?", "4"),
        (CHALLENGE, "Nobody waits. What if forty people come?", "40"),
        (OPENING, "Now the interface. What can be asked of the system?", "17"),
    ],
)
def test_the_numbers_of_a_move_have_to_come_through(calm: Prompt, move: Move, text: str, number: str) -> None:
    assert breach(text, move, PRACTICE, calm) == f"a number is missing: {number}"


def test_the_numbers_of_a_quote_may_be_left_out(calm: Prompt) -> None:
    move = Move(MoveKind.DEEPER, "", {"quote": "we keep 12 copies in 3 halls", "ask": "Why so?"})
    assert breach("Let's stay with “we keep”. Why so?", move, PRACTICE, calm) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"Say with Kafka. {ASK}", "names what nobody named: kafka"),
        (f"Think of Redis and a load balancer. {ASK}", "names what nobody named: load balancer"),
        (f"“We would take Postgres”, you said. {ASK}", "names what nobody named: postgres"),
        (f"Say, within 30 seconds. {ASK}", "a number nobody gave: 30"),
        (f"All 1.000.000 of them. {ASK}", "a number nobody gave: 1000000"),
    ],
)
@pytest.mark.parametrize("judge", [breach, manner])
def test_nothing_is_named_or_numbered_that_nobody_named(calm: Prompt, judge: Judge, text: str, fault: str) -> None:
    moment = Moment(asked="How many loans are there?", answered="Some 40 a day.")
    assert judge(text, PROBE, moment, calm) == fault


# --- as far as it has come ------------------------------------------------------------------------------------------


def test_what_is_still_to_come_is_not_missed(calm: Prompt) -> None:
    assert manner("There are", FACT, INTERVIEW, calm) == ""
    assert breach("There are", FACT, INTERVIEW, calm) == "a number is missing: 1200"
    assert manner("", PROBE, INTERVIEW, calm) == ""


def test_a_quote_that_is_not_closed_yet_may_be_anybodys(calm: Prompt) -> None:
    moment = Moment(mode=Mode.INTERVIEW, answered="I think that is right.")
    assert manner("You said “that is right", PROBE, moment, calm) == "praise or a verdict"
    assert manner("You said “that is right”", PROBE, moment, calm) == ""


# --- small things ---------------------------------------------------------------------------------------------------


def test_a_number_is_the_same_in_two_languages() -> None:
    assert numbers("1,200 or 1.200 or 1’200 or 1\u00a0200 or 1\u202f200") == {"1200"}
    assert numbers("3.5 GB, 3,5 GB") == {"35"}
    assert numbers("10 of 24/7, 99.9 % at 22:30. 7.") == {"10", "24", "7", "999", "22", "30"}
    assert numbers("none at all") == set()


def test_names_are_the_same_in_any_case() -> None:
    assert names("KAFKA and Kafka, a dead-letter list, no cash") == {"kafka", "dead-letter"}


def test_only_what_stands_between_quotation_marks_is_quoted() -> None:
    assert unquoted("I “a  b” and „C.“ and «d» and “f” and e", "A b c d e") == "I “” and “” and “” and “f” and e"
    assert unquoted("I “a b and e", "a b and e") == "I “a b and e"
