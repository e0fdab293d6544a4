"""Golden questions asked one after the other, so that each one's time is its own; nothing of a conversation is kept."""

import time
from collections.abc import Awaitable, Callable, Sequence

from service.answering.answer import Answer
from service.evaluation.golden import Golden
from service.evaluation.metrics import Outcome
from service.retrieval.passages import Retrieved

Ask = Callable[[str], Awaitable[tuple[Answer, Retrieved]]]
"""What answers a question, and what retrieval found for it."""
Progress = Callable[[int, int], None]
"""Questions asked, of how many."""


async def run(
    questions: Sequence[Golden],
    ask: Ask,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Outcome]:
    """The outcome of each question, in their order; what `ask` raises goes to the caller."""
    outcomes = []
    for done, golden in enumerate(questions, start=1):
        began = clock()
        answer, retrieved = await ask(golden.question)
        outcomes.append(
            Outcome(
                golden=golden,
                kind=answer.kind,
                confidence=retrieved.confidence,
                ranked=tuple(match.passage.id for match in retrieved.matches),
                source=answer.sources[0].passage.id if answer.sources else None,
                milliseconds=(clock() - began) * 1000,
            )
        )
        if progress:
            progress(done, len(questions))
    return outcomes
