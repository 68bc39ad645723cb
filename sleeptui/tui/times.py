"""Moments in words: the time of day, with the date where it is not today. Pure."""

from datetime import datetime


def time_of_day(epoch_s: float) -> str:
    """Seconds since the epoch as local time: ``15:36:10``."""
    return datetime.fromtimestamp(epoch_s).astimezone().strftime("%H:%M:%S")


def moment(epoch_s: float, now_epoch_s: float) -> str:
    """A moment as the time of day, if it is of today; else with its date: ``2026-09-20 15:36``."""
    then, now = (datetime.fromtimestamp(at_s).astimezone() for at_s in (epoch_s, now_epoch_s))
    return then.strftime("%H:%M:%S" if then.date() == now.date() else "%Y-%m-%d %H:%M")
