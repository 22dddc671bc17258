from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import mixtures.catalog
from mixtures.catalog import Catalog, models


def test_migrations_make_exactly_the_tables_of_the_models(catalog: Catalog) -> None:
    with catalog.database.read() as rows:
        assert compare_metadata(MigrationContext.configure(rows), models.metadata) == []


def test_head_is_the_newest_migration() -> None:
    config = Config()
    folder = Path(mixtures.catalog.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == models.HEAD
