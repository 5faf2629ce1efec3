"""The number of BLAS threads, set and set back."""

import threading

from threadpoolctl import threadpool_info, threadpool_limits

from fastmf.blas import one_blas_thread


def numbers():
    found = {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}
    assert found
    return found


def test_one_inside_and_as_before_outside():
    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert numbers() == {1}
            with one_blas_thread():
                assert numbers() == {1}
            assert numbers() == {1}
        assert numbers() == {2}


def test_the_last_thread_to_leave_takes_the_limit_away():
    entered, leave = threading.Barrier(2), threading.Event()

    def stay():
        with one_blas_thread():
            entered.wait()
            leave.wait()

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=stay)
        with one_blas_thread():
            thread.start()
            entered.wait()
        assert numbers() == {1}
        leave.set()
        thread.join()
        assert numbers() == {2}
