"""Why the venue says no: one table of codes and messages, and the exception that carries a row.

Tree of errors::

    RefusedError     the venue answers ``{"code": …, "msg": …}``; raised by state, signing and handlers
"""

from collections.abc import Mapping
from enum import Enum


class Reason(Enum):
    """``(code, message)`` as the venue words it; ``{}`` in a message is filled in by `RefusedError`."""

    UNKNOWN_ORDER = (-2011, "Unknown order sent.")
    NO_SUCH_ORDER = (-2013, "Order does not exist.")
    BAD_COMBINATION = (-1128, "Combination of optional parameters invalid.")
    INVALID_SYMBOL = (-1121, "Invalid symbol.")
    INVALID_INTERVAL = (-1121, "Invalid interval.")
    KEY_FORMAT = (700001, "API-key format invalid.")
    BAD_SIGNATURE = (700002, "Signature for this request is not valid.")
    BAD_TIMESTAMP = (700003, "Timestamp for this request is outside of the recvWindow.")
    MISSING_ID = (
        700004,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
    )
    MISSING = (700004, "Mandatory parameter '{}' was not sent, was empty/null, or malformed.")
    RECV_WINDOW = (700005, "recvWindow must less than 60000")
    NO_PERMISSION = (700007, "No permission to access the endpoint.")
    UNKNOWN_KEY = (10072, "Api key info invalid")
    MINIMUM = (30002, "The minimum transaction volume cannot be less than:{}")
    MAXIMUM = (30003, "The maximum transaction volume cannot be greater than:{}")
    INSUFFICIENT = (30004, "Insufficient position")
    OVERSOLD = (30005, "Oversold")
    PRICE_SCALE = (400, "price scale is invalid")
    QUANTITY_SCALE = (400, "quantity scale is invalid")
    NO_PRICE = (30010, "no valid trade price")
    LEGACY_UNKNOWN_ORDER = (30026, "invalid order ids")
    CONTRACT_UNAUTHORIZED = (401, "Unauthorized")
    CONTRACT_TIME = (513, "Invalid request")
    CONTRACT_PARAMETER = (600, "Parameter error")
    CONTRACT_SIGNATURE = (602, "Signature verification failed!")
    CONTRACT_UNKNOWN = (1001, "Contract does not exist")
    CONTRACT_NO_ORDER = (2040, "order not exist")
    CONTRACT_ORDER_STATE = (2041, "order state cannot be cancelled")
    CONTRACT_NO_STOP = (5002, "The Stop-Limit order does not exist or has closed")

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def message(self) -> str:
        return self.value[1]


CHINESE: Mapping[Reason, str] = {
    Reason.CONTRACT_UNAUTHORIZED: "未授权",
    Reason.CONTRACT_TIME: "无效请求",
    Reason.CONTRACT_PARAMETER: "参数错误",
    Reason.CONTRACT_SIGNATURE: "签名验证失败",
    Reason.CONTRACT_UNKNOWN: "合约不存在",
    Reason.CONTRACT_NO_ORDER: "订单不存在",
    Reason.CONTRACT_ORDER_STATE: "订单状态不允许撤销",
    Reason.CONTRACT_NO_STOP: "止盈止损订单不存在或已关闭",
}
"""What the futures answers say without a ``Language`` header. The page only says that they are in
Chinese; none was seen, and the wording is the sandbox's own."""


class RefusedError(Exception):
    """The venue refuses the request; nothing has changed. Answer with `code` and `message`."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.code = reason.code
        self.message = reason.message.format(detail)
        super().__init__(f"{self.code} {self.message}")
