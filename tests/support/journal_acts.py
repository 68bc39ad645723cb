"""What is done in the sample journal: sleeps, wakes, switches, prompts, and what goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count

from support.journal_story import (
    GIB,
    Engine,
    Teller,
    in_flight,
    request_begin,
    request_end,
    verification,
)

from sleeptui.core.canary import Grade
from sleeptui.core.learned import Learned
from sleeptui.core.model import Home, ServerFacts
from sleeptui.core.operation import Fate, InFlight
from sleeptui.recorder import lines as kinds

SLEEP_S = {1: 0.33, 2: 0.09}
FIRST_SLEEP_S = 12.1
WAKE_S = 0.53
STAGES = (("weights", 0.02), ("reload", 0.79), ("kv_cache", 0.12), ("reset", 0.004))


@dataclass(slots=True, kw_only=True)
class Doing:
    """An operation under way."""

    number: int
    name: str
    began_ns: int
    pre: object
    sent_ns: int | None = None
    done_ns: int | None = None
    parts: list[tuple[str, float]] = field(default_factory=list)
    end: dict[str, object] = field(default_factory=dict)
    """Fields of its last line that are not the usual ones."""


class Acts:
    """Does things, on a teller's clock."""

    def __init__(self, teller: Teller, *, slower: float = 1.0, leak_b: int = 0) -> None:
        self.teller = teller
        self._slower = slower
        self._leak_b = leak_b
        self._operations = count(1)
        self._requests = count(1)

    def start(self, name: str) -> None:
        """The server is found, awake."""
        engine, t = self.teller.engines[name], self.teller.now_ns
        engine.held_b = engine.awake_b
        pids = frozenset({engine.pid, engine.pid + 1})
        home = Home(pids=pids, started_at="2026-11-23T09:12:00Z", host_bytes=3 * GIB)
        facts = ServerFacts(
            version="0.32.0",
            models=(engine.model,),
            root=engine.root,
            max_model_len=32_768,
            sleep_enabled=True,
            load_tracking=False,
        )
        self.teller.add(kinds.HomeLine(t=t + 2000, s=name, home=home))
        self.teller.add(kinds.Facts(t=t + 3000, s=name, facts=facts))
        self.teller.add(kinds.Recalled(t=t + 4000, s=name, learned=Learned()))
        self.teller.add(
            kinds.ReferenceLine(
                t=t + 900_000_000,
                s=name,
                model=engine.model,
                answers=3,
                tokens=16,
                spread_nats=4e-6,
                ids_sha=sha256(engine.model.encode()).hexdigest(),
            )
        )
        self._state(engine, "awake", by="", check="unverified")

    def restart(self, name: str) -> None:
        """Its process ends, and another one begins: 40 s that are cut short here."""
        engine = self.teller.engines[name]
        engine.held_b, engine.level, engine.has_pinned = 0, None, False
        engine.sleeps = engine.wakes = engine.tokens = 0
        engine.slept_s = engine.woken_s = 0.0
        engine.ends.clear()
        self._state(engine, "down", by="server", reason="connection refused")
        self.teller.wait(4.0)
        engine.pid += 50
        engine.started_s += 600.0
        self.start(name)
        self.teller.wait(3.0)

    def cycle(self, name: str, level: int, *, rest_s: float = 4.0) -> None:
        """Sleep, stay asleep, wake, stay awake."""
        self.sleep(name, level)
        self.teller.wait(rest_s)
        self.wake(name)
        self.teller.wait(rest_s)

    def sleep(self, name: str, level: int, *, parent: int | None = None, **how: object) -> None:
        """Put it to sleep."""
        engine = self.teller.engines[name]
        with self._doing(engine, "sleep", level, parent, str(how.get("mode", "wait"))) as doing:
            self._fall_asleep(engine, level, doing, drain_s=float(str(how.get("drain_s", 0))))
            requests = how.get("requests", InFlight(running=0, waiting=0))
            doing.end |= {"in_flight": requests}
        self._state(engine, "asleep", by="sleeptui")

    def wake(self, name: str, grade: Grade = Grade.IDENTICAL, *, parent: int | None = None) -> None:
        """Wake it; the canary answers as before, or not."""
        engine = self.teller.engines[name]
        level = engine.level or 1
        with self._doing(engine, "wake", level, parent) as doing:
            doing.end |= {"residual_b": engine.held_b}
            self._wake_up(engine, level, doing)
            self._settle(doing)
            self._ask(engine, doing, grade)
            if grade is Grade.GARBAGE:
                doing.end |= {"outcome": "suspect", "cause": "garbage", "cls": "wrong_output"}
                doing.end |= {"message": "awake, and its answers are not those from before"}
        check = "changed" if grade is Grade.GARBAGE else "verified"
        self._state(engine, "awake", by="sleeptui", check=check)

    def failed_wake(self, name: str) -> None:
        """Somebody else has taken the room."""
        engine = self.teller.engines[name]
        with self._doing(engine, "wake", engine.level, None) as doing:
            self.teller.wait(0.002)
            doing.sent_ns = self.teller.now_ns
            self.teller.wait(self.teller.about(0.06))
            doing.parts.append(("weights", 0.06))
            doing.end |= {
                "outcome": "failed",
                "cause": "out of memory",
                "cls": "http_error",
                "message": "no room: CUDA out of memory",
                "hint": "make room, then wake it again",
                "duration_s": (self.teller.now_ns - doing.sent_ns) / 1e9,
            }
        self.teller.wait(4.0)

    def suspect_sleep(self, name: str) -> None:
        """It says asleep, and holds what it held."""
        engine = self.teller.engines[name]
        with self._doing(engine, "sleep", 1, None, "wait") as doing:
            held_b = engine.held_b
            self._fall_asleep(engine, 1, doing)
            engine.held_b = held_b
            doing.end |= {
                "outcome": "suspect",
                "cause": "nothing freed",
                "cls": "no_op",
                "freed_b": 12 << 20,
                "residual_b": held_b,
                "message": "said asleep, freed 12 MiB of 84.0 GiB",
                "hint": "is --enable-sleep-mode set?",
            }
        self._state(engine, "suspect", by="sleeptui", reason="it has not let go of its memory")
        self.teller.wait(4.0)

    def switch(self, old: str, new: str) -> None:
        """Put one to sleep and wake the other."""
        engine = self.teller.engines[new]
        with self._doing(engine, "switch", None, None) as doing:
            began_ns = self.teller.now_ns
            level = 2 if old == "code" else 1
            self.sleep(old, level, parent=doing.number)
            middle_ns = self.teller.now_ns
            self.wake(new, parent=doing.number)
            doing.sent_ns, doing.done_ns = began_ns + 2_000_000, self.teller.now_ns
            total_s = (self.teller.now_ns - began_ns) / 1e9
            doing.parts += [
                (f"sleep {old}", (middle_ns - began_ns) / 1e9),
                (f"wake {new}", (self.teller.now_ns - middle_ns) / 1e9),
                ("total", total_s),
            ]
            doing.end |= {"duration_s": total_s, "first_token_s": total_s - 0.3}
        self.teller.wait(4.0)

    def external(self, name: str, level: int) -> None:
        """Somebody else puts it to sleep and wakes it."""
        engine = self.teller.engines[name]
        engine.level, engine.held_b = level, engine.residual_b
        engine.sleeps += 1
        engine.slept_s += 0.15
        self._state(engine, "asleep", by="other", reason="put to sleep by somebody else")
        self.teller.wait(6.0)
        engine.level, engine.held_b = None, engine.awake_b
        engine.wakes += 1
        engine.woken_s += 0.32
        self._state(engine, "awake", by="other", check="unverified")
        self.note(name, "warning", "somebody else woke it")
        self.teller.wait(4.0)

    def prompt(self, name: str, *, tokens: int) -> None:
        """A test prompt that is answered whole."""
        engine = self.teller.engines[name]
        with self._doing(engine, "prompt", None, None) as doing:
            number, sent_ns = self._send(engine, doing, tokens, "prompt")
            at_ns = self._tokens(sent_ns + int(self.teller.about(0.018) * 1e9), tokens)
            self._stream(engine, at_ns[-1])
            request_end(self.teller, engine, number, sent_ns=sent_ns, at_ns=at_ns)
            doing.end |= _answered(sent_ns, at_ns, tokens)
        self.teller.wait(2.0)

    def aborted(self, name: str) -> None:
        """A prompt that its server's sleep cuts off; then the wake."""
        engine = self.teller.engines[name]
        with self._doing(engine, "prompt", None, None) as doing:
            number, sent_ns, at_ns = self._half(engine, doing)
            requests = in_flight(1, Fate.ABORTED, "abort")
            cut_ns = self.teller.now_ns + 8_000_000
            self.sleep(name, 1, mode="abort", requests=requests)
            how = {"fate": Fate.ABORTED, "finish": "abort", "end_ns": cut_ns}
            request_end(self.teller, engine, number, sent_ns=sent_ns, at_ns=at_ns, **how)
            doing.end |= _answered(sent_ns, at_ns, len(at_ns))
            doing.end |= {"outcome": "failed", "cls": "user_abort", "hint": "send it again"}
            doing.end |= {"message": "aborted by the server after 40 tokens"}
        self.teller.wait(5.0)
        self.wake(name)
        self.teller.wait(2.0)

    def frozen(self, name: str) -> None:
        """A prompt that is held by a sleep, and goes on after the wake."""
        engine = self.teller.engines[name]
        with self._doing(engine, "prompt", None, None) as doing:
            number, sent_ns, at_ns = self._half(engine, doing)
            self.sleep(name, 1, mode="keep", requests=in_flight(1, Fate.FROZEN, None))
            self.teller.wait(5.0)
            self.wake(name)
            at_ns += self._tokens(self.teller.now_ns, 88)
            self._stream(engine, at_ns[-1])
            request_end(self.teller, engine, number, sent_ns=sent_ns, at_ns=at_ns)
            doing.end |= _answered(sent_ns, at_ns, len(at_ns))
        self.teller.wait(2.0)

    def _half(self, engine: Engine, doing: Doing) -> tuple[int, int, list[int]]:
        """The first 40 tokens of a prompt of 128: its number, when it was sent, when they came."""
        number, sent_ns = self._send(engine, doing, 128, "prompt")
        at_ns = self._tokens(sent_ns + int(self.teller.about(0.02) * 1e9), 40)
        self._stream(engine, at_ns[-1])
        return number, sent_ns, at_ns

    def verify(self, name: str, grade: Grade) -> None:
        """Ask the canary, for its own sake."""
        engine = self.teller.engines[name]
        with self._doing(engine, "verify", None, None) as doing:
            self._ask(engine, doing, grade)
            doing.end |= {"message": "the same 16 tokens as before", "duration_s": 0.11}

    def note(self, name: str | None, severity: str, text: str) -> None:
        """A line of the event log."""
        self.teller.add(kinds.Note(t=self.teller.now_ns, s=name, severity=severity, text=text))

    @contextmanager
    def _doing(
        self, engine: Engine, name: str, level: int | None, parent: int | None, mode: str = ""
    ) -> Iterator[Doing]:
        teller = self.teller
        number = next(self._operations)
        standing = "asleep" if engine.level else "awake"
        pre = engine.standing(standing, teller.used_b)
        same = {"s": engine.name, "op": number, "name": name, "level": level}
        same |= {"mode": mode or None, "began_ns": teller.now_ns}
        begin = kinds.OpBegin(t=teller.now_ns, parent=parent, pre=pre, **same)
        if parent is None and name in ("sleep", "wake", "switch"):
            queued = {key: same[key] for key in ("s", "op", "name", "level", "mode")}
            teller.add(kinds.OpQueued(t=teller.now_ns - 200_000, **queued))
        teller.add(begin)
        doing = Doing(number=number, name=name, began_ns=teller.now_ns, pre=pre)
        yield doing
        sent_ns = doing.sent_ns or doing.began_ns
        usual = {
            "outcome": "done",
            "cls": "ok",
            "sent_ns": doing.sent_ns,
            "done_ns": doing.done_ns,
            "duration_s": ((doing.done_ns or teller.now_ns) - sent_ns) / 1e9,
            "parts": tuple(doing.parts),
            "lag_s": 0.001,
            "post": engine.standing("asleep" if engine.level else "awake", teller.used_b),
        }
        teller.add(kinds.OpEnd(t=teller.now_ns, **same, **(usual | doing.end)))
        teller.wait(0.2)

    def _fall_asleep(
        self, engine: Engine, level: int, doing: Doing, *, drain_s: float = 0.0
    ) -> None:
        teller = self.teller
        is_first = level == 1 and not engine.has_pinned
        teller.wait(0.002)
        doing.sent_ns = teller.now_ns
        self._phase(engine, doing, "calling")
        seconds = teller.about(FIRST_SLEEP_S if is_first else SLEEP_S[level])
        if drain_s:
            teller.wait(drain_s)
            doing.parts.append(("drain", drain_s))
        teller.wait(seconds)
        doing.done_ns = teller.now_ns
        doing.parts.append(("call", seconds))
        held_b, used_b = engine.held_b, teller.used_b
        engine.level, engine.sleeps = level, engine.sleeps + 1
        engine.slept_s += seconds - 0.004
        engine.has_pinned = engine.has_pinned or level == 1
        engine.held_b = engine.residual_b + teller.random.randrange(0, 16) * (2 << 20)
        engine.held_b += self._leak_b * engine.sleeps
        self._settle(doing)
        doing.end |= {
            "freed_b": used_b - teller.used_b,
            "residual_b": engine.held_b,
            "host_b": engine.weights_b if is_first else 0,
            "server_op_s": seconds - 0.004,
            "message": f"asleep at level {level}, freed {(held_b - engine.held_b) / GIB:.1f} GiB",
            "known": ("/is_sleeping says asleep", "GPU 0: measured by its processes"),
        }

    def _wake_up(self, engine: Engine, level: int, doing: Doing) -> None:
        teller = self.teller
        teller.wait(0.003)
        doing.sent_ns = teller.now_ns
        self._phase(engine, doing, "calling")
        for name, seconds in STAGES if level == 2 else (("call", WAKE_S),):
            took_s = teller.about(seconds) * self._slower
            if name == "reload":
                self._phase(engine, doing, "reloading")
            teller.wait(took_s)
            doing.parts.append((name, took_s))
        doing.done_ns = teller.now_ns
        took_s = (doing.done_ns - doing.sent_ns) / 1e9
        engine.level, engine.held_b = None, engine.awake_b
        engine.wakes += 1
        engine.woken_s += took_s - 0.004
        doing.end |= {"server_op_s": took_s - 0.004, "message": "awake, verified"}

    def _settle(self, doing: Doing) -> None:
        self.teller.wait(0.35)
        doing.parts.append(("memory", 0.35))

    def _ask(self, engine: Engine, doing: Doing, grade: Grade = Grade.IDENTICAL) -> None:
        """The canary, sent when the last control request was answered."""
        teller = self.teller
        number, sent_ns = self._send(engine, doing, 16, "canary", doing.done_ns)
        at_ns = self._tokens(sent_ns + int(teller.about(0.021) * 1e9), 16)
        teller.wait(max(at_ns[-1] - teller.now_ns, 0) / 1e9)
        request_end(teller, engine, number, sent_ns=sent_ns, at_ns=at_ns)
        said = verification(at_ns[-1], grade=grade)
        teller.add(kinds.Canary(t=at_ns[-1] + 500_000, s=engine.name, verification=said))
        doing.parts.append(("canary", (at_ns[-1] - sent_ns) / 1e9))
        doing.end |= {"verification": said}
        if doing.sent_ns is not None:
            doing.end |= {"first_token_s": (at_ns[0] - doing.sent_ns) / 1e9}

    def _send(
        self, engine: Engine, doing: Doing, tokens: int, cohort: str, at_ns: int | None = None
    ) -> tuple[int, int]:
        number, at_ns = next(self._requests), at_ns or self.teller.now_ns
        how = {"cohort": cohort, "op": doing.number, "max_tokens": tokens}
        request_begin(self.teller, engine, number, at_ns=at_ns, **how)
        return number, at_ns + 300_000

    def _tokens(self, first_ns: int, number: int) -> list[int]:
        at_ns = [first_ns]
        for _ in range(number - 1):
            at_ns.append(at_ns[-1] + int(self.teller.about(0.006, 0.1) * 1e9))
        return at_ns

    def _stream(self, engine: Engine, until_ns: int) -> None:
        engine.running += 1
        self.teller.wait((until_ns - self.teller.now_ns) / 1e9)
        engine.running -= 1

    def _phase(self, engine: Engine, doing: Doing, phase: str) -> None:
        line = kinds.OpPhase(t=self.teller.now_ns, s=engine.name, op=doing.number, phase=phase)
        self.teller.add(line)

    def _state(
        self, engine: Engine, state: str, *, by: str, check: str | None = None, reason: str = ""
    ) -> None:
        self.teller.add(
            kinds.StateLine(
                t=self.teller.now_ns,
                s=engine.name,
                state=state,
                level=engine.level,
                check=check,
                by=by,
                reason=reason,
                last_prev_ns=self.teller.now_ns - 500_000_000 if by else None,
            )
        )


def _answered(sent_ns: int, at_ns: list[int], tokens: int) -> dict[str, object]:
    seconds = (at_ns[-1] - at_ns[0]) / 1e9
    return {
        "sent_ns": sent_ns,
        "duration_s": (at_ns[-1] - sent_ns) / 1e9,
        "first_token_s": (at_ns[0] - sent_ns) / 1e9,
        "tokens_per_s": (tokens - 1) / seconds,
        "message": "answered",
    }
