from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mixtures.catalog import Catalog


def test_as_many_threads_as_a_server_has_read_and_write_at_once(catalog: Catalog) -> None:
    def work(number: int) -> tuple[int, bool]:
        version, is_new = catalog.publish_mixture("m", f"seed: {number % 20}\n")
        catalog.set_alias("mixture", "m", f"a{number}", version.number)
        return catalog.mixture(f"m@a{number}").number, is_new

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(work, range(80)))
    assert {number for number, _ in answers} == set(range(1, 21))
    # of four threads that publish one text at once, one made the version
    assert sorted(number for number, is_new in answers if is_new) == list(range(1, 21))
    assert len(catalog.aliases("mixture", "m")) == 80
