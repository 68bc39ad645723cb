import pytest

from sleeptui.core.events import Noted
from sleeptui.services.bus import Bus


def noted(text):
    return Noted(at_s=0.0, server=None, severity="info", text=text)


def test_subscribers_are_called_in_the_order_of_their_subscription():
    bus, heard = Bus(), []
    bus.subscribe(lambda event: heard.append(("first", event.text)))
    bus.subscribe(lambda event: heard.append(("second", event.text)))
    bus.publish(noted("a"))
    assert heard == [("first", "a"), ("second", "a")]


def test_what_a_subscriber_publishes_waits_until_all_have_the_cause():
    bus, heard = Bus(), []

    def answer(event):
        if event.text == "cause":
            bus.publish(noted("effect"))
            heard.append("published")

    bus.subscribe(answer)
    bus.subscribe(lambda event: heard.append(event.text))
    bus.publish(noted("cause"))
    assert heard == ["published", "cause", "effect"]


def test_unsubscribing_ends_it_also_in_the_middle_of_an_event():
    bus, heard = Bus(), []
    leave = bus.subscribe(lambda event: heard.append(event.text))
    bus.publish(noted("a"))
    leave()
    leave()
    bus.publish(noted("b"))
    assert heard == ["a"]
    ends = []
    bus.subscribe(lambda _: ends[0]())
    ends.append(bus.subscribe(lambda event: heard.append(event.text)))
    bus.publish(noted("c"))
    assert heard == ["a"]


def test_a_bug_of_a_subscriber_reaches_the_publisher_and_later_events_are_delivered():
    bus, heard = Bus(), []

    def fail(event):
        if event.text == "bad":
            raise LookupError(event.text)

    bus.subscribe(fail)
    bus.subscribe(lambda event: heard.append(event.text))
    with pytest.raises(LookupError):
        bus.publish(noted("bad"))
    bus.publish(noted("good"))
    assert heard == ["good"]
