from proxy.shadow.lease import Lease


def test_a_lease_counts_from_before_the_notice_was_sent() -> None:
    now_s = 100.0
    lease = Lease(10, lambda: now_s)
    assert not lease.is_over, "nobody waits before the first notice"

    begun_s = lease.begin()
    now_s = 108.0
    lease.renew(begun_s)
    assert not lease.is_over

    now_s = 110.0
    assert lease.is_over
