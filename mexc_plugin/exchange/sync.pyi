from collections.abc import Callable
from typing import Any

from ccxt.base.types import ConstructorArgs, Num, Order, OrderSide, OrderType, Str
from ccxt.mexc import mexc as _ccxt_mexc

class mexc(_ccxt_mexc):
    def __init__(self, config: ConstructorArgs | dict[str, Any] = ...) -> None: ...
    def cancel_order(self, id: str, symbol: Str = None, params: dict[str, Any] = ...) -> Order: ...
    def cancel_unified_order(self, order: Order, params: dict[str, Any] = ...) -> Order: ...
    def cancel_orders(
        self, ids: list[str], symbol: Str = None, params: dict[str, Any] = ...
    ) -> list[Order]: ...
    def cancel_all_orders(
        self, symbol: Str = None, params: dict[str, Any] = ...
    ) -> list[Order]: ...
    def edit_order(
        self,
        id: str,
        symbol: str,
        type: OrderType,
        side: OrderSide,
        amount: Num = None,
        price: Num = None,
        params: dict[str, Any] = ...,
    ) -> Order: ...
    def reconcile_cancels(
        self,
        *,
        dry_run: bool = False,
        cancel_id: str | None = None,
        on_progress: Callable[[int, int, dict[str, Any]], object] | None = None,
    ) -> list[dict[str, Any]]: ...
    @staticmethod
    def urlencode(params: dict[str, Any] = ..., doseq: bool = False, sort: bool = False) -> str: ...
