"""The WeChat channel's one error: a request that isn't answered, because it isn't WeChat's or can't be read."""


class WireError(Exception):
    """A request that is refused with `status`; `reason` and `advice` hold nothing of its content and may be logged."""

    def __init__(self, status: int, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason}: {advice}" if advice else reason)
        self.status = status
        self.reason = reason
        self.advice = advice
        """What the operator does about it; empty where it is not the operator's fault."""
