"""A strategy for freqtrade that buys all the time, far from the market: nothing of it fills."""

from freqtrade.strategy import IStrategy
from pandas import DataFrame


class NeverFilled(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {"0": 100.0}  # noqa: RUF012 - as freqtrade's documentation writes it
    stoploss = -0.99
    startup_candle_count = 1

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def custom_entry_price(self, proposed_rate: float, **kwargs: object) -> float:
        return proposed_rate * 0.99
