"""The private spot endpoints about the account: balances, fees, currencies, listen keys."""

from mexc_plugin.sandbox.markets import MAKER_FEE, TAKER_FEE, market_of
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot.state import Balance
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json, number, plain


def account(venue: Venue, api_key: str, _call: Call) -> Answer:
    balances = [
        {"asset": asset, "free": plain(balance.free), "locked": plain(balance.locked)}
        for asset, balance in venue.spot.balances(api_key).items()
    ]
    return Answer(
        {
            "makerCommission": None,
            "takerCommission": None,
            "buyerCommission": None,
            "sellerCommission": None,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "updateTime": None,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
        }
    )


def api_key_info(venue: Venue, api_key: str, call: Call) -> Answer:
    """What the key that signs may do; it has to be named once more, as ``accessKey``."""
    if call.need("accessKey") != api_key:
        raise RefusedError(Reason.UNKNOWN_KEY)
    return Answer(venue.keys[api_key].answer(api_key))


def margin_account(venue: Venue, api_key: str, call: Call) -> Answer:
    balances = venue.spot.balances(api_key)

    def asset(name: str) -> dict[str, Json]:
        balance = balances.get(name, Balance())
        total = plain(balance.free + balance.locked)
        return {
            "asset": name,
            "borrowEnabled": True,
            "borrowed": "0",
            "free": plain(balance.free),
            "interest": "0",
            "locked": plain(balance.locked),
            "netAsset": total,
            "totalAsset": total,
        }

    markets = [market_of(symbol) for symbol in call.need("symbols").split(",")]
    assets = [
        {
            "baseAsset": asset(market.base),
            "quoteAsset": asset(market.quote),
            "symbol": market.symbol,
            "isolatedCreated": True,
            "enabled": True,
            "tradeEnabled": True,
        }
        for market in markets
    ]
    return Answer({"assets": assets})


def trade_fee(venue: Venue, _api_key: str, call: Call) -> Answer:
    market_of(call.need("symbol"))
    fees = {"makerCommission": number(MAKER_FEE), "takerCommission": number(TAKER_FEE)}
    return Answer({"data": fees, "code": 0, "msg": "success", "timestamp": venue.now_ms})


def listen_key(_venue: Venue, _api_key: str, call: Call) -> Answer:
    """POST, PUT and DELETE of a listen key; there is no stream behind it."""
    return Answer({"listenKey": call.text("listenKey") or "sandbox-listen-key"})


def currencies(venue: Venue, api_key: str, _call: Call) -> Answer:
    return Answer([_currency(coin) for coin in venue.spot.balances(api_key)])


_NETWORKS = {"BTC": "BTC", "LTC": "LTC", "ETH": "ETH", "USDT": "ETH"}


def _currency(coin: str) -> dict[str, Json]:
    network = _NETWORKS.get(coin, "ETH")
    return {
        "coin": coin,
        "name": coin,
        "networkList": [
            {
                "coin": coin,
                "depositDesc": None,
                "depositEnable": False,
                "minConfirm": 1,
                "name": coin,
                "network": network,
                "netWork": network,
                "withdrawEnable": False,
                "withdrawFee": "0.001",
                "withdrawIntegerMultiple": None,
                "withdrawMax": "1000",
                "withdrawMin": "0.01",
                "sameAddress": False,
                "contract": "",
            }
        ],
    }
