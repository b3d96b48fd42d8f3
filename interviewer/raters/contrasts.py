"""Owns pairs of design claims that sound alike and disagree: common practice, and the mistake it is there to prevent.

Words like "idempotency" or "replica" stand in both halves, so a pair tells what a claim says rather than what it is about.
They are general engineering knowledge; none is about a question of the bank.
"""

CONTRASTS: tuple[tuple[str, str], ...] = (
    (
        "We acknowledge a request only after the data is safely on disk.",
        "We acknowledge at once and write to disk some time later.",
    ),
    (
        "The write goes to a majority of replicas before we answer.",
        "We answer from memory, replication follows in the background.",
    ),
    (
        "A retry carries the same key, so the second attempt has no effect.",
        "A retry is treated as a new request and done again.",
    ),
    (
        "The client makes an id once and sends it with each attempt.",
        "The server makes a new id for every call that comes in.",
    ),
    ("A unique constraint lets only one of two writers win.", "We look first whether it exists and then write it."),
    (
        "A conditional update checks and changes in one step.",
        "We read the value, change it in the program and write it back.",
    ),
    (
        "Delivery is at least once, and consumers tolerate repeats.",
        "The queue delivers exactly once, so repeats need no handling.",
    ),
    (
        "A timeout means we don't know what happened, so we ask.",
        "A timeout means it failed, so we do it again or give up.",
    ),
    (
        "We retry with growing pauses and some randomness, a limited number of times.",
        "We retry at once and keep going until it works.",
    ),
    ("What keeps failing is set aside where somebody sees it.", "What keeps failing is dropped, or tried for ever."),
    (
        "A claim runs out by itself if its holder goes silent.",
        "Whoever has taken it keeps it until they say they are finished.",
    ),
    ("An outdated holder's write is refused by its version number.", "We accept the result from whoever sends it."),
    (
        "The server decides the order with its own sequence numbers.",
        "The order follows from the clocks of the clients.",
    ),
    (
        "Work is split over many nodes, and others take over when one dies.",
        "One machine does it all, with a spare one beside it.",
    ),
    ("Data is partitioned by key, so load spreads.", "Everything fits into one big table on one server."),
    ("An index finds the due rows without looking at the others.", "We scan the whole table and pick what is due."),
    (
        "A queue stands between accepting the work and doing it.",
        "Whoever accepts the work does it right there in the same process.",
    ),
    ("Slow work happens in the background after the reply.", "We do it all before replying, in the same request."),
    (
        "Counts are collected in a stream and added up later.",
        "Every event updates the counter in the database directly.",
    ),
    ("The hot counter is divided into parts that are summed.", "One row holds the counter, and everybody updates it."),
    ("Popular items are kept in a cache in memory.", "The database is fast enough to answer every read itself."),
    ("Cached data expires or is invalidated when it changes.", "Once cached, data stays cached."),
    ("The cache may be a little stale, and the truth is checked at the end.", "What the cache says decides."),
    (
        "Each tenant has its own limit, so one cannot starve the others.",
        "First come, first served, without regard to who sends.",
    ),
    ("Low priority work always keeps a share of the capacity.", "Urgent work always goes first, the rest waits."),
    ("We size for the peak.", "We size for the average, a bit of waiting evens it out."),
    ("The estimate multiplies the rate by the time each takes.", "Only the rate matters, not how long each takes."),
    (
        "We shed or queue excess load before it reaches the core.",
        "We let everybody in, and autoscaling adds machines when needed.",
    ),
    ("A sudden burst is spread over some minutes on purpose.", "We provision enough machines for the burst."),
    ("We measure how late things are for the user and alert on it.", "Processor load and queue length tell us enough."),
    (
        "Money movements are entries that are added and never changed.",
        "We keep a balance per account and update it in place.",
    ),
    (
        "Each movement has two sides that sum to zero.",
        "A number per account is enough, the other side would be duplicate data.",
    ),
    (
        "Our books are compared with the provider's every day.",
        "The provider's figures are right, so we need no comparison.",
    ),
    ("The amount is reserved first and taken at the end.", "The full amount is taken at the beginning."),
    (
        "The sum of refunds can never exceed what was paid.",
        "Refunds are given as requested, problems are sorted out by hand.",
    ),
    (
        "An unfinished operation stays with the one who began it.",
        "If it takes too long another one takes it over, whatever the first did.",
    ),
    ("One place owns each record, and only it accepts changes.", "All places accept changes and the last one wins."),
    (
        "Incoming notifications are verified, deduplicated and may come out of order.",
        "Notifications come once and in order, we apply them as they come.",
    ),
    ("Secrets and card numbers never touch our servers.", "We store the numbers ourselves, encrypted."),
    (
        "Only the devices hold the keys, the server cannot read the content.",
        "The server holds the keys and can read the content.",
    ),
    ("The user is told it is pending and gets the result later.", "The user waits until there is a definite result."),
    (
        "Correctness comes before availability: when in doubt, refuse.",
        "Being available matters more, mistakes are repaired afterwards.",
    ),
    (
        "Some loss is acceptable here, in exchange for speed.",
        "It has to be exact at every moment, whatever that costs.",
    ),
    (
        "Approximate and a little late is good enough for this display.",
        "The display is updated in the same transaction, so it is always exact.",
    ),
    ("Limits are tied to accounts and payment methods.", "We limit by address, that stops them."),
    ("New content is checked for abuse before it goes out.", "What people put in is their business, we check nothing."),
    ("Old data expires and is cleaned up in the background.", "Data is kept for ever, storage is cheap."),
    ("Expiry is judged by the clock when it is read.", "It counts until the clean-up job has removed it."),
    ("Definitions and their executions are separate records.", "One row holds the definition and the current state."),
    ("The history of attempts is kept.", "The row is overwritten each time, only the latest state matters."),
    ("Each user chooses what happens to missed work.", "Missed work is always done again, all of it."),
    (
        "Cancelling is a request that takes effect at the next safe point.",
        "Cancelling kills it at once, wherever it is.",
    ),
    ("Finishing a step triggers those that wait for it.", "Those that wait ask again every few seconds."),
    (
        "The server pushes changes over an open connection.",
        "Clients ask every few seconds whether there is something new.",
    ),
    ("Small audiences get a copy each, huge ones read a shared one.", "Everybody gets a copy, however many there are."),
    (
        "A device that was away asks for all that came after its last position.",
        "What was sent while a device was away is lost.",
    ),
    ("Each item is its own record with its own state.", "A single number says how many are left."),
    ("A random order among those who came early is fairer.", "Whoever clicks first is served first."),
    ("Pages are read by cursor.", "Pages are read by offset."),
    (
        "Schema changes are made in steps that old and new code both understand.",
        "We stop the system, change the schema and start again.",
    ),
    ("Every user's data is isolated from the others'.", "All users share everything, the code filters what they see."),
    ("The large file goes straight to object storage.", "The large file goes through our servers into the database."),
)
"""(practice, mistake)."""
