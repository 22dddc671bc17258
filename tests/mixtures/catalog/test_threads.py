from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mixtures.catalog import Catalog


def test_as_many_threads_as_a_server_has_read_and_write_at_once(catalog: Catalog) -> None:
    def work(number: int) -> int:
        version = catalog.publish_mixture("m", f"seed: {number % 20}\n")
        catalog.set_alias("mixture", "m", f"a{number}", version.number)
        return catalog.mixture(f"m@a{number}").number

    with ThreadPoolExecutor(40) as pool:
        numbers = list(pool.map(work, range(80)))
    assert set(numbers) == set(range(1, 21))
    assert len(catalog.aliases("mixture", "m")) == 80
