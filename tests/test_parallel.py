"""A team of threads: order of results, errors, ends."""

import threading
import time

import pytest

from fastmf.errors import ParameterError
from fastmf.machine import available_threads
from fastmf.parallel import Team


def fastmf_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("fastmf")]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(threads):
    def square(number):
        time.sleep((number % 3) * 0.001)
        return number * number

    with Team(threads) as team:
        assert team.num_threads == threads
        assert list(team.map(square, range(30))) == [number * number for number in range(30)]
        assert list(team.map(square, [])) == []
        assert list(team.map(square, iter([3]))) == [9]


def test_a_team_of_one_works_in_the_calling_thread():
    with Team(1) as team:
        (thread,) = team.map(lambda _: threading.current_thread(), [None])
    assert thread is threading.current_thread()


def test_a_larger_team_works_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    with Team(3) as team:
        assert sorted(team.map(lambda _: together.wait(), range(3))) == [0, 1, 2]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_surfaces_and_threads_end(threads):
    def fail_at_two(number):
        if number >= 2:
            raise ValueError(f"task {number}")
        return number

    done = []
    with pytest.raises(ValueError, match="task 2"), Team(threads) as team:
        done.extend(team.map(fail_at_two, range(4)))
    assert not fastmf_threads()


def test_waiting_tasks_are_dropped_when_the_team_is_left():
    done = []

    def work(number):
        time.sleep(0.01)
        done.append(number)

    with Team(2) as team:
        results = team.map(work, range(200))
        next(results)
    assert len(done) < 20
    assert not fastmf_threads()


def test_all_processors_by_default():
    with Team() as team:
        assert team.num_threads == available_threads()


@pytest.mark.parametrize("threads", [0, -1])
def test_too_few_threads_are_refused(threads):
    with pytest.raises(ParameterError, match=f"num_threads is {threads}.*at least 1") as raised:
        Team(threads)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 50])
def test_every_task_is_worked_on_once(threads, n_tasks):
    done = []
    with Team(threads) as team:
        team.work(done.append, range(n_tasks))
        team.work(done.append, range(n_tasks))
    assert sorted(done) == sorted([*range(n_tasks)] * 2)


def test_the_calling_thread_works_along():
    together = threading.Barrier(2, timeout=10)
    names = []

    def work(_):
        together.wait()
        names.append(threading.current_thread().name)

    with Team(2) as team:
        team.work(work, range(4))
    assert names.count(threading.current_thread().name) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_ends_the_work_and_surfaces(threads):
    done = []

    def fail_at_two(number):
        if number == 2:
            raise ValueError(f"task {number}")
        time.sleep(0.001)
        done.append(number)

    with Team(threads) as team:
        with pytest.raises(ValueError, match="task 2"):
            team.work(fail_at_two, range(100))
        assert len(done) < 10
        team.work(done.append, [-1])
    assert done[-1] == -1


def test_work_does_not_wait_for_threads_that_are_busy_with_something_else():
    busy = threading.Event()
    done = []
    with Team(2) as team:
        others = team.map(lambda _: busy.wait(10), range(2))
        team.work(done.append, range(5))
        assert done == [0, 1, 2, 3, 4]
        busy.set()
        assert list(others) == [True, True]
