"""What can come of a call to WeChat's API, by what follows from it, each with a sentence for the operator.

    WeChatApiError
      PassingError              it may be gone when tried again
        UnreachableError        no answer, or none of WeChat's: network, time, a gateway's page
        BusyError               WeChat is busy, or the minute's calls are used up
        QuotaUsedError          the day's calls are used up
        TokenRefusedError       WeChat refuses the token, and gives no other one now
      WindowClosedError         this user can't be written to until they write again
      UserUnreachableError      this user doesn't follow the account, or blocks its messages
      NotPermittedError         the account has no customer-service API
      AddressRefusedError       this server's address is not on the account's IP list
      MisconfiguredError        AppID or AppSecret don't fit, or the account is frozen
      PayloadError              WeChat takes no such message
        MenuRefusedError        this account may send no menu: the same as text
      UnexpectedError           a code that no document explains

No message holds a token, a secret, an openid or text. Codes stand in docs/errors.md; `refusals` says which of WeChat's
numbers is what.
"""


class WeChatApiError(Exception):
    """The call came to nothing. The message is for the operator."""

    def __init__(self, message: str, *, code: str, errcode: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        """Such as E-W164."""
        self.errcode = errcode
        """WeChat's number; None where no answer of WeChat's came."""


class PassingError(WeChatApiError):
    """It may be gone when tried again."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        errcode: int | None = None,
        pause_seconds: float | None = None,
        retry_after_seconds: float = 10.0,
    ) -> None:
        super().__init__(message, code=code, errcode=errcode)
        self.pause_seconds = pause_seconds
        """The call itself is worth another try after so long a pause at least; None: not within one call."""
        self.retry_after_seconds = retry_after_seconds
        """When the caller may try again, once the call has given up."""


class UnreachableError(PassingError):
    """No answer of WeChat's came."""

    def __init__(self, message: str, *, code: str, maybe_arrived: bool) -> None:
        super().__init__(message, code=code, pause_seconds=None if maybe_arrived else 0.0)
        self.maybe_arrived = maybe_arrived
        """The request went out, and WeChat may have done what it asked: a repeat may do it twice."""


class BusyError(PassingError):
    """WeChat is busy for a moment, or the calls of this minute are used up."""


class QuotaUsedError(PassingError):
    """The calls of this day are used up."""


class TokenRefusedError(PassingError):
    """WeChat refuses the access token, a new one too or none can be had yet."""


class WindowClosedError(WeChatApiError):
    """The time or the number of messages since the user's last one is used up."""


class UserUnreachableError(WeChatApiError):
    """The user unfollowed, blocks the account, or is no user of it."""


class NotPermittedError(WeChatApiError):
    """The account may not use this part of the API."""


class AddressRefusedError(WeChatApiError):
    """The address that this server calls from is not allowed."""

    def __init__(self, message: str, *, code: str, errcode: int, address: str | None) -> None:
        super().__init__(message, code=code, errcode=errcode)
        self.address = address
        """The one to allow, as WeChat sees it; None where WeChat doesn't say."""


class MisconfiguredError(WeChatApiError):
    """The account's AppID, AppSecret or state keeps it from the API until a person has changed something."""


class PayloadError(WeChatApiError):
    """The message itself is not taken; the same one never will be."""


class MenuRefusedError(PayloadError):
    """The account may send no menu; what it says can be sent as text."""


class UnexpectedError(WeChatApiError):
    """WeChat refused for a reason that this release doesn't know."""
