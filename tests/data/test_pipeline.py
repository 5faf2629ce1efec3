import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.pipeline import Pipeline
from fastmf.parallel import Team

THREADS = st.sampled_from([1, 2, 5])


class Watch:
    """A pipeline of numbers whose two later steps and making take the times given."""

    def __init__(self, n_items, delays=(0,), together=True, raising=()):
        self.delays = delays
        self.raising = set(raising)  # pairs of an item and where it is then
        self.taken = {"first": [], "second": [], "third": []}
        self.finished = []
        self.set_up = False
        self.making = self.most_making = self.most_ahead = self.n_made = 0
        self.lock = threading.Lock()
        self.pipeline = Pipeline(
            self.jobs(n_items),
            [lambda item, name=name: self.take(name, item) for name in self.taken],
            self.finish,
            together=together,
        )

    def at(self, where, item):
        time.sleep(self.delays[(item + len(where)) % len(self.delays)] / 1000)
        if (where, item) in self.raising:
            raise RuntimeError(f"{where} {item}")

    def jobs(self, n_items):
        for number in range(n_items):
            if ("asking", number) in self.raising:
                raise RuntimeError(f"asking {number}")
            yield lambda number=number: self.make(number)

    def make(self, number):
        with self.lock:
            self.making += 1
            self.n_made += 1
            self.most_making = max(self.most_making, self.making)
            self.most_ahead = max(self.most_ahead, self.n_made - len(self.finished))
        try:
            self.at("making", number)
        finally:
            with self.lock:
                self.making -= 1
        return number

    def take(self, name, item):
        assert self.set_up
        assert name == "first" or item in self.taken["first"]
        assert item == 0 or 0 in self.finished
        self.at(name, item)
        self.taken[name].append(item)

    def finish(self, item):
        assert all(item in taken for taken in self.taken.values())
        self.at("finish", item)
        self.finished.append(item)

    def start(self):
        self.at("set_up", 0)
        self.set_up = True

    def run(self, n_threads):
        with Team(n_threads) as team:
            self.pipeline.run(team, self.start)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 12), st.lists(st.integers(0, 3), min_size=1, max_size=5), THREADS)
def test_every_step_takes_all_items_in_order(n_items, delays, n_threads):
    watch = Watch(n_items, delays)
    watch.run(n_threads)
    assert watch.finished == list(range(n_items))
    assert set(map(tuple, watch.taken.values())) == {tuple(range(n_items))}
    assert watch.most_ahead <= 2 * n_threads


@pytest.mark.parametrize("together", [True, False])
def test_items_are_made_at_the_same_time_only_where_they_may(together):
    watch = Watch(8, [20], together=together)
    watch.run(3)
    assert (watch.most_making > 1) == together
    assert watch.finished == list(range(8))


PLACES = ("asking", "making", "first", "second", "third", "finish")


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.tuples(st.sampled_from(PLACES), st.integers(0, 7)), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
    THREADS,
)
def test_the_first_failure_in_the_order_of_items_is_raised(raising, delays, n_threads):
    watch = Watch(8, delays, raising=raising)
    where, item = min(raising, key=lambda failure: (failure[1], PLACES.index(failure[0])))
    with pytest.raises(RuntimeError, match=f"^{where} {item}$"):
        watch.run(n_threads)
    assert watch.finished == list(range(item))


def test_what_fails_in_setting_up_is_raised():
    watch = Watch(3, raising=[("set_up", 0)])
    with pytest.raises(RuntimeError, match="set_up 0"):
        watch.run(2)
    assert not watch.taken["first"]


def test_an_interrupt_ends_all_threads():
    watch = Watch(1000, [1])
    team = Team(2)

    def interrupted(function, tasks):
        for task in tasks:
            team._pool.submit(function, task)
        time.sleep(0.05)
        raise KeyboardInterrupt

    team.map = interrupted
    with pytest.raises(KeyboardInterrupt):
        watch.pipeline.run(team, watch.start)
    team.close()  # returns once the threads have
    assert len(watch.finished) < 1000
