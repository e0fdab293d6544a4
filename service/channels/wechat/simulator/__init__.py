"""WeChat's own side of an Official Account: its pushes, its limits and its judgement of what comes back.

Written from WeChat's documents apart from the channel, which it shares no line with: a fault of ours can't hide in
both. It serves the tests' fake of WeChat and a phone in the browser. `Platform` is the way in.
"""

from service.channels.wechat.simulator.platform import Outcome, Platform, Rules, Try, Verification
from service.channels.wechat.simulator.pushes import KINDS, Push

__all__ = ["KINDS", "Outcome", "Platform", "Push", "Rules", "Try", "Verification"]
