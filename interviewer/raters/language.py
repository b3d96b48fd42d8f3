"""Owns what can be told from words alone: an answer's sentences, and the guards that make one of them doubtful as evidence.

A guard never decides whether a point is covered. It says why a sentence should be asked about rather than believed
(design.md, section 4: guards fitted to one set of phrasings miss about half of freshly phrased refusals).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

MAX_CHARS = 20_000
"""As much of an answer as is read; ten times a long monologue. The rest of a pasted book is left alone."""
MAX_WORDS = 60
"""As many words of one sentence as are embedded: cost grows with length, and a longer one is a list or has no full stops."""

MAX_PLAIN = 600
"""As many characters of one sentence as are embedded, for those who write without spaces."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_BREAK = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|;\s+|\n")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|vs|approx|incl|resp|no|cf)|\b[A-Z])\.$", re.IGNORECASE)
_BULLET = re.compile(r"[\s>*•·\-–—#|]*(?:\(?\d{1,2}[.)]\s)?[\s*]*")
_LONG_LINE = 60
_CLAIM = 4
"""Words without which hardly anything is claimed: "minute rows" names them."""

_SMALL = """
    a about after again all also always am an and any anyone are as at back be because been before being best both but by
    can can't cannot could couldn't did didn't do does doesn't doing don't down each either else even ever every everybody
    everyone few first for from get gets getting give gives go goes going gone got had has have haven't having he her here
    him his how i i'd i'll i'm i've if in instead into is isn't it it'd it'll it's its itself just keep kind know let let's
    like look lot make makes many may maybe me mean might more most much must my need needs never new no nobody not nothing
    now of off okay on once one only onto or other others our out over own part people put rather really right same say
    says see she should shouldn't so some somebody someone something sort still such sure take than that that's the their
    them then there there's these they they'd they'll they're they've thing things think this those though through to too
    two under until up us use used using very want wants was way we we'd we'll we're we've well were what what's when where
    whether which while who whoever whole whose why will with without won't would wouldn't yes yet you you'd you'll you're
    your"""
FUNCTION_WORDS = frozenset(_SMALL.split())

# Enough of four other languages to tell them from noise; the embeddings are multilingual.
_SMALL_ELSEWHERE = """
    aber als auch auf aus bei das dass dem den der die ein eine einen es für haben ich im ist kein mit nicht oder sich
    sind und von werden wenn wie wir wird zu avec c'est ce cette dans des du elle en est et il je la le les leur mais ne
    nous on ou par pas pour qu que qui se si sont sur un une al como con cuando cada del el ella esta este hay lo los más
    muy para pero por porque sin su sus también una y ya ao com da do dos ele ela em entre essa isso mas não nós numa o os
    pela pelo quando são sem ser um uma"""
_FOREIGN = frozenset(_SMALL_ELSEWHERE.split())

_SMALL_TALK = """
    bye clue dunno hello help hey hi hint hints idea idk lol ok pass please skip sorry stuck thank thanks yeah yep nope sure
    bot hmm stop continue repeat guidance nudge"""
_TALK = frozenset(_SMALL_TALK.split())
_KNOWN = FUNCTION_WORDS | _FOREIGN | _TALK

_TO_GRADER = re.compile(
    r"""\b(?:rubric|grader|grading|rater|examiner|assessor)s?\b
    |\b(?:to|dear|hello|hi|as)\s+(?:the\s+|an?\s+)?(?:\w+\s+)?(?:evaluator|scorer|reviewer)s?\b
    |\b(?:full|maximum|max|partial|extra)\s+(?:credit|marks?|points?|score)\b
    |\b(?:mark|count|grade|rate|score|credit|tick|treat|consider|accept|award|record|set|log)\b[^.?!]{0,60}
        \b(?:as\s+(?:covered|correct|complete|passed|said|mentioned|true|answered|met)|covered|full(?:y)?\s+(?:covered|marks?))\b
    |\b(?:ignore|disregard|forget|override)\b[^.?!]{0,40}\b(?:instructions?|prompts?|rules?|guidelines?|above|previous)\b
    |^\W*(?:system|assistant|user|developer|admin|instruction|note\s+to\s+(?:the\s+)?\w+)\s*(?:message|prompt|note)?\s*[:\]>]
    |</?(?:system|instructions?|assistant|user|prompt)>
    |\b(?:this|my|the)\s+(?:answer|response|solution|reply)\s+(?:fully\s+|already\s+)?
        (?:covers?|addresses|satisfies|hits|meets|touches)\b
    |\b(?:this|my|the)\s+(?:answer|response|solution|reply)\s+(?:fully\s+|already\s+)?(?:includes|contains|mentions)
        \s+(?:all|every|each|everything)\b
    |\b(?:all|every|each|any)\s+(?:of\s+)?(?:the\s+|your\s+)?(?:\w+\s+)?(?:points?|criteria|criterion|items?|checklist|boxes)\b
        [^.?!]{0,60}\b(?:covered|addressed|met|satisfied|mentioned|hit|ticked|checked|included|credit)
    |\b(?:i(?:'ve|\s+have)?|we(?:'ve|\s+have)?)\s+(?:now\s+|already\s+|just\s+|clearly\s+)?
        (?:covered|mentioned|addressed|demonstrated|hit|touched\s+on|satisfied|shown\s+(?:mastery|knowledge))\b
    |\bgive\s+me\s+(?:the\s+|full\s+|a\s+)?(?:credit|points|marks|pass|high|top|hire|strong)
    |\bthe\s+candidate\s+(?:(?:has|have|clearly|already)\s+)*(?:dealt\s+with|covered|explained|demonstrated|mentioned|discussed|addressed)\b
    |\b(?:for|on)\s+(?:your|the)\s+checklist\b|\bevidence\s+field\b|\b(?:look|search|ask)\s+for\s+(?:any\s+)?(?:evidence|quotes)\b
    |\b(?:addressed|covered|answered|demonstrated|satisfied)\s+in\s+full\b
    |\b(?:return|output|report|emit|print|assign|enter)\b[^.?!]{0,50}
        \b(?:as\s+covered|covered\s+for\s+(?:each|all|every)|confidence\s+\d|(?:top|full)\s+(?:marks?|scores?))\b
    |\bbenefit\s+of\s+the\s+doubt\b
    |\bthe\s+(?:strong|good|ideal|perfect|senior|staff)\s+candidate\b
    |\b(?:whoever|whatever|anyone|the\s+\w+)\s+(?:\w+\s+)?(?:(?:who|that|which)\s+)?(?:is\s+)?(?:marks?|marking|grades?|grading|rates?|rating|scores?|scoring)\s+
        (?:this|the\s+(?:session|interview|answers?|candidate|message|transcript))\b
    |\b(?:person|people|somebody|someone|anyone|whoever)\s+(?:who\s+)?(?:marks?|grades?|rates?|scores?)\b
    |\bmarked?\s+(?:yes|positive(?:ly)?|as\s+(?:said|done|passed))\b|\bfills?\s+in\s+(?:every|each|all)\b
    |\b(?:interviewing|marking|grading|rating|scoring|evaluation)\s+(?:assistant|model|system|bot|tool|script|pipeline|agent)\b
    |\b(?:rat|grad|mark|scor|judg|evaluat)(?:e|es|ing|s)?\s+(?:this|the|my)\s+(?:message|answer|reply|response|interview|session|transcript)\b
    |\b(?:strong\s+hire|hire\s+me|pass(?:ing)?\s+(?:grade|score|mark))\b
    |\b(?:confidence|score|covered|state)\s*[=:]\s*["']?(?:1(?:\.0)?\b|true|100|covered|full)""",
    re.IGNORECASE | re.VERBOSE,
)
# Naming a subject instead of saying something about it: "I'd naturally think about leases, fencing and so on".
_NAMES_ONLY = re.compile(
    r"""\b(?:i|we|you|one)(?:'d|'ll|\s+would|\s+will|\s+should|\s+must|\s+can|\s+could|\s+also|\s+have\s+to|\s+need\s+to|\s+want\s+to|\s+of\s+course
        |\s+naturally|\s+obviously|\s+certainly|\s+definitely|\s+always|\s+also)+\s+
        (?:consider|think\s+(?:about|through)|account\s+for|take\s+care\s+of|deal\s+with|be\s+(?:aware|mindful)\s+of|pay\s+attention\s+to
        |talk\s+about|discuss|mention|bring\s+up|know|address|cover)\b
    |\bbest\s+practices?\b|\b(?:all\s+)?the\s+(?:usual|standard|right|necessary|relevant)\s+(?:techniques?|patterns?|practices?|stuff|things|measures)\b
    |\b(?:i|we)\s+(?:know|understand)\s+(?:all|everything|how|when|what)\b|\bwell[- ]understood\b""",
    re.IGNORECASE | re.VERBOSE,
)
_REFUSES = re.compile(
    r"""\b(?:no|not|isn't|aren't|without|never|hardly)\s+(?:\w+\s+)?(?:need(?:ed|s)?|reason|point|sense|necessary|required|worth|important)\b
    |\bi(?:'d|\s+would)?\s+(?:also\s+)?refuse\b|\bnor\s+(?:would|do|will|am|should)\s+(?:i|we)\b
    |\bunnecessary\b|\bneedless\b|\bpointless\b|\boverkill\b|\bover[- ]?(?:engineer|complicat)\w*\b|\bwast(?:e|ed|ing)\b
    |(?<!so )(?<!that )(?<!if )(?<!when )(?<!once )(?<!otherwise )\b(?:i|we)\s*(?:'d|'ll|'m|'re|\s+would|\s+will|\s+do|\s+can
        |\s+could|\s+should|\s+ca(?=n't)|\s+wo(?=n't)|\s+am|\s+are|\s+really|\s+just|\s+honestly|\s+simply|\s+probably)*
        (?:\s+not|n't|nnot|\s+never)\b(?!\s+(?:know|mind|want|lose|sure|allow|let|trust|remember|wait|only))
    |\b(?:i'd|we'd|we'll|i'll|i|we|we\s+can|you\s+can|let's|would|could)\s+(?:just\s+|simply\s+|rather\s+|happily\s+)?
        (?:skip|drop|omit|ignore|avoid|forget|leave\s+(?:that|it|this|them)?\s*(?:out|as|be|alone)|do\s+away|get\s+rid|rule\s+out|live\s+without)\b
    |\b(?:so|therefore|hence|means)\s+(?:there(?:'s|\s+is|\s+are)\s+|we\s+have\s+|i\s+have\s+)?no\b(?!\s+(?:one|two|more|longer|matter|money|second))
    |\bkeep\s+(?:it|this|that|things)\s+(?:\w+\s+)?simple\b
    |\bnot\s+(?:really\s+)?(?:a|our|my|an)\s+(?:\w+\s+)?(?:concern|problem|issue|job|priority|worry|business)\b
    |\b(?:out\s+of\s+scope|(?:someone|somebody)\s+else's\s+(?:problem|job)|good\s+enough|(?:will|would|can|does|could)(?:n't|\s+not|\s+never)\s+
        (?:really\s+)?(?:happen|matter|come\s+up|come\s+into)|never\s+happens?|makes?\s+no\s+difference|fine\s+as\s+(?:it|they)
        |(?:so|too|very|super|extremely|really)\s+(?:rare|unlikely)|(?:rare|unlikely)\s+(?:enough|that)|the\s+odds|full\s+stop|by\s+definition
        |nobody\s+(?:will|would|cares?|needs?|wants?|likes?|notices?))\b""",
    re.IGNORECASE | re.VERBOSE,
)
# What would go wrong without it is an argument for it: "302, otherwise we don't get to count the visit".
_ELSE = re.compile(
    r"\b(?:otherwise|or\s+else|if\s+(?:we|i|it|they|you)\s+(?:don't|didn't|doesn't|wouldn't))\b[^.;]*", re.IGNORECASE
)
_SPECIFIC = re.compile(r"[=<>{}()→≈]|->|\d")
# A form filled in, a ticked list, a row of a table: somebody's record of an answer is no answer.
_FORM = re.compile(
    r"""^\s*(?:\[[xX✓✔]\]|[{}\[\]<|]) | [✓✔☑✅] | \|[^|]*\|
    | "(?:id|point|verdict|quote|covered|confidence|score|evidence)"\s*: | \b(?:quote|verdict|(?<!not[ ])covered)\s*[:=]""",
    re.IGNORECASE | re.VERBOSE,
)
# A labelled edge of a Mermaid flowchart, `gw["API gateway"] -->|request| q[(Queue)]`: its bars are no table's.
_BOX = r"(\w+(?:-\w+)*)\s*(?:[\[({>]{1,2}[/\\]?\"?([^\[\](){}<>|\"]+?)\"?[/\\]?[\])}]{1,2})?"
_EDGE = re.compile(rf'{_BOX}\s*<?(?:-{{2,}}|={{2,}}|-\.+-)[>xo]?\s*\|\s*"?([^|"]+?)"?\s*\|\s*{_BOX}\s*;?')
_FLOWS = re.compile(r"(?:->|=>|→)>?[^:→>]{1,60}:\s*[^\W_]")
"""What goes along an arrow, `client -> gateway: request`: somebody says what happens, in few words."""
_CODED = re.compile(r"[\w+/=-]{60,}|(?:\b\w\b[ .-]){8,}")
"""Letters that are no words: base64, s p a c e d out."""
_IN_QUOTES = re.compile(r'“[^”]*”|"[^"]*"|„[^“]*“|«[^»]*»|(?<!\w)\'[^\']{12,}\'(?!\w)')
_RECANTS = re.compile(
    r"^\W*(?:(?:but\s+)?(?:then\s+again|on\s+second\s+thoughts?|actually,?\s+(?:no|scrap|forget)|no,?\s+wait|scratch\s+that|i\s+take\s+that\s+back))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer: `text` as it stands there, literally, and `plain` as it is compared."""

    text: str
    plain: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        return words(self.plain)

    @cached_property
    def guards(self) -> frozenset[str]:
        """The names of the guards that this sentence sets off."""
        return frozenset(_guards(self.plain, self.words))


def words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, typographic apostrophes folded."""
    return tuple(word.lower().replace("’", "'") for word in _WORD.findall(text))


def fold(text: str) -> str:
    """The text without control and formatting characters (also those that reverse its direction), white space folded."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return " ".join(
        "".join(char for char in kept if unicodedata.category(char) not in ("Cf", "Cs", "Co", "Cn")).split()
    )


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of an answer in order, without repetitions and without those that have no word.

    Every `text` is a literal piece of the answer. Only the first MAX_CHARS characters are read.
    """
    found: dict[str, Sentence] = {}
    for piece in _pieces(text[:MAX_CHARS]):
        verbatim = piece[_BULLET.match(piece).end() :].rstrip() if piece.strip() else ""  # type: ignore[union-attr]
        plain = _flow(fold(verbatim))
        if _WORD.search(plain):
            short = " ".join(plain.split(" ")[:MAX_WORDS])[:MAX_PLAIN]
            found.setdefault(short.lower(), Sentence(verbatim, short))
    return tuple(found.values())


def _flow(plain: str) -> str:
    """The edge of a diagram as people write it in a line: "API gateway -> Queue: request". Anything else as it is."""
    edge = _EDGE.fullmatch(plain)
    if edge is None:
        return plain
    here, called, label, there, named = edge.groups()
    return f"{called or here} -> {named or there}: {label}"


def _pieces(text: str) -> Iterable[str]:
    start = 0
    for match in _BREAK.finditer(text):
        before = text[start : match.start()]
        if match.group() == "\n":
            if _wrapped(text, match.start(), match.end()):
                continue
        elif _ABBREVIATION.search(before[-8:]) and "\n" not in match.group():
            continue
        yield before
        start = match.end()
    yield text[start:]


def _wrapped(text: str, end: int, start: int) -> bool:
    """Whether the line break is only an editor's: a long line without a full stop that goes on in the next one."""
    line = text[text.rfind("\n", 0, end) + 1 : end].rstrip()
    rest = text[start : start + 3]
    return len(line) >= _LONG_LINE and line[-1] not in ".!?:…" and rest[:1].isalnum() and not re.match(r"\d+[.)]", rest)


def _guards(plain: str, found: Sequence[str]) -> Iterable[str]:
    if plain.endswith(("?", "?)")):
        yield "asks"
    if _TO_GRADER.search(plain):
        yield "to-grader"
    if _NAMES_ONLY.search(plain):
        yield "names"
    if is_list(plain, found) or _FORM.search(plain) or _CODED.search(plain):
        yield "list"
    if 3 * len(words(_IN_QUOTES.sub(" ", plain))) < len(found):
        yield "quotes"
    if len(found) < _CLAIM and not _SPECIFIC.search(plain):
        yield "fragment"
    if _REFUSES.search(_ELSE.sub(" ", plain.replace("’", "'"))):
        yield "refuses"
    if _RECANTS.search(plain):
        yield "recants"


def is_list(plain: str, found: Sequence[str]) -> bool:
    """Whether this is a run of keywords: five short items or more, and hardly a word that makes a sentence of them.

    Engineers are terse: figures, operators and brackets mean that something is being said."""
    items = [len(words(item)) for item in re.split(r"[,;|+•·]|\band\b|(?<=\w)\.(?=\s)", plain) if _WORD.search(item)]
    if len(items) < 5 or _SPECIFIC.search(plain):
        return False
    return sorted(items)[-2] <= 3 and _substance(found) > 0.7


def keywords(heard: Sequence[Sentence]) -> bool:
    """Whether a whole answer only names things: hardly a function word in it (measured: prose up to 0.65, lists from 0.86).

    A diagram has none either, and where it says what goes along an arrow it does not only name things."""
    every = [word for sentence in heard if not _FLOWS.search(sentence.plain) for word in sentence.words]
    return len(every) >= 12 and _substance(every) > 0.75


def _substance(found: Sequence[str]) -> float:
    return sum(word not in FUNCTION_WORDS for word in found) / len(found) if found else 0.0


def readable(text: str, vocabulary: frozenset[str]) -> bool:
    """Whether there is anything to judge: enough words that belong to a language or to the bank's vocabulary.

    Figures count for nothing among words, but a figure alone can be the answer to an estimate."""
    every = words(fold(text[:MAX_CHARS]))
    found = [word for word in every if not word.isdecimal()]
    if not found:
        return bool(every)
    hits = sum(word in _KNOWN or stem(word) in vocabulary for word in found)
    return hits / len(found) >= 0.45


def stem(word: str) -> str:
    """A word without its commonest English endings; crude, and the same for everything that is compared."""
    word = word.removesuffix("'s")
    for ending in ("ations", "ation", "ingly", "ings", "ing", "edly", "ied", "ies", "ed", "ers", "er", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("e")


def content(text: str) -> tuple[str, ...]:
    """The stems of the words that carry a text's meaning."""
    return tuple(stem(word) for word in words(text) if word not in FUNCTION_WORDS)


@dataclass(frozen=True)
class Echo:
    """Everything the interviewer has said or may say, to recognise it when it comes back as an answer."""

    heard: tuple[str, ...]
    _bags: tuple[frozenset[str], ...] = field(init=False)
    _runs: frozenset[tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        texts = [[piece.plain for piece in sentences(text)] for text in self.heard]
        pieces = [piece for text in texts for piece in text]
        # Three sentences in a row as well: what is repeated is often run together.
        joined = [" ".join(text[i : i + 3]) for text in texts for i in range(len(text) - 1)]
        bags = (frozenset(content(piece)) for piece in [*pieces, *joined])
        object.__setattr__(self, "_bags", tuple(bag for bag in bags if len(bag) >= 3))
        object.__setattr__(self, "_runs", frozenset(run for piece in pieces for run in _runs(words(piece))))

    def share(self, sentence: Sentence) -> float:
        """How much of the sentence (0-1) was the interviewer's: its words in one of their sentences, or runs of four."""
        stems = frozenset(content(sentence.plain))
        bag = max((len(stems & bag) / len(stems) for bag in self._bags), default=0.0) if len(stems) >= 4 else 0.0
        own = tuple(_runs(sentence.words))
        runs = sum(run in self._runs for run in own) / len(own) if own else 0.0
        # Half the runs of four are as telling as most of the words: nobody finds the same phrases by chance.
        return max(bag, min(1.0, 1.4 * runs))

    def copied(self, sentence: Sentence) -> bool:
        """Whether half of a sentence's runs of four words, and not just one or two, stand here word for word, or nearly all
        that a long sentence says is in one sentence here."""
        own = tuple(_runs(sentence.words))
        if len(own) >= _PASTED and sum(run in self._runs for run in own) >= len(own) / 2:
            return True
        stems = frozenset(stem for stem in content(sentence.plain) if not stem.isdecimal())
        return len(stems) >= _LONG and any(len(stems & bag) >= _NEARLY * len(stems) for bag in self._bags)


_PASTED, _LONG, _NEARLY = 3, 8, 0.65


def _runs(found: Sequence[str], size: int = 4) -> Iterable[tuple[str, ...]]:
    return (tuple(found[i : i + size]) for i in range(len(found) - size + 1))
